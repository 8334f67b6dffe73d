// For pages that only need their words.

import "./sitewords.js";

import { openPage } from "./page.js";

openPage();
