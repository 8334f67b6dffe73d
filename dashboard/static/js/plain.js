// For pages that only need their words.

import { openPage } from "./page.js";

openPage();
