"""Demo MP4: H.264 video of coloured squares, written without an encoder.

A square is one macroblock of 16 × 16 pixels in one colour, and of H.264 only what that
takes is used. Where a square has the colour of its neighbour it is predicted from it;
else it is sent as plain samples (I_PCM). A later picture says of each square that it
stays, or sends it. So a minute of a few changing squares is small, every decoder gives
exactly these colours, and writing takes milliseconds.

Names in the code are those of the standard (ITU-T H.264, ISO 14496-12 and -15).
"""

import re
import struct
from collections.abc import Iterator, Mapping, Sequence

SIDE = 16
CHROMA_SAMPLES = 64
IDR, NON_IDR, SPS, PPS = 0x65, 0x41, 0x67, 0x68
BASELINE, LEVEL_3 = 66, 30
SLICE_P, SLICE_I = 5, 7
# In a P slice the types of an I slice follow its own five.
I_PCM, INTRA_IN_P = 25, 5
# Intra16x16 without residual, predicted from above and from the left.
FROM_ABOVE, FROM_LEFT = 1, 2
# The same for chroma, whose numbers differ.
CHROMA_FROM = {FROM_ABOVE: 2, FROM_LEFT: 1}
# A macroblock of plain samples counts as one with all its coefficients.
COEFFICIENTS = 16
FRAME_NUM_BITS = 4
TIMESCALE_MS = 1000

_START = re.compile(rb"\0\0(?=[\0-\3])")

type Colour = tuple[int, int, int]
# Squares row by row, as numbers of colours.
type Picture = Sequence[Sequence[int]]


class Bits:
    """Bits that are written one after the other."""

    def __init__(self) -> None:
        self.whole = bytearray()
        self.rest = 0
        self.count = 0

    def put(self, value: int, bits: int) -> None:
        self.rest = (self.rest << bits) | value
        self.count += bits
        while self.count >= 8:
            self.count -= 8
            self.whole.append(self.rest >> self.count & 0xFF)
            self.rest &= (1 << self.count) - 1

    def ue(self, value: int) -> None:
        """An unsigned number, short if it is small."""
        bits = (value + 1).bit_length()
        self.put(value + 1, 2 * bits - 1)

    def se(self, value: int) -> None:
        self.ue(2 * value - 1 if value > 0 else -2 * value)

    def align(self) -> None:
        if self.count:
            self.put(0, 8 - self.count)

    def raw(self, data: bytes) -> None:
        """Whole bytes, where a byte begins."""
        self.whole += data

    def nal(self, head: int) -> bytes:
        """All of it as a unit of that kind."""
        self.put(1, 1)
        self.align()
        return bytes([head]) + escaped(bytes(self.whole))


def escaped(data: bytes) -> bytes:
    """Without what a reader would take for the start of a unit."""
    return _START.sub(b"\0\0\3", data)


def sequence_parameters(columns: int, rows: int) -> bytes:
    bits = Bits()
    bits.put(BASELINE, 8)
    bits.put(0b11000000, 8)
    bits.put(LEVEL_3, 8)
    bits.ue(0)  # seq_parameter_set_id
    bits.ue(FRAME_NUM_BITS - 4)
    bits.ue(2)  # pic_order_cnt_type: shown as decoded
    bits.ue(1)  # max_num_ref_frames
    bits.put(0, 1)  # gaps_in_frame_num_value_allowed_flag
    bits.ue(columns - 1)
    bits.ue(rows - 1)
    bits.put(0b1100, 4)  # frames only, direct 8x8, no cropping, no VUI
    return bits.nal(SPS)


def picture_parameters() -> bytes:
    bits = Bits()
    bits.ue(0)  # pic_parameter_set_id
    bits.ue(0)  # seq_parameter_set_id
    bits.put(0b00, 2)  # CAVLC, no bottom field
    bits.ue(0)  # one slice group
    bits.ue(0)  # num_ref_idx_l0_default_active_minus1
    bits.ue(0)  # num_ref_idx_l1_default_active_minus1
    bits.put(0b000, 3)  # no weighted prediction
    bits.se(0)  # pic_init_qp_minus26
    bits.se(0)  # pic_init_qs_minus26
    bits.se(0)  # chroma_qp_index_offset
    bits.put(0b100, 3)  # slices switch the deblocking filter off
    return bits.nal(PPS)


def slice_head(bits: Bits, kind: int, number: int) -> None:
    bits.ue(0)  # first_mb_in_slice
    bits.ue(kind)
    bits.ue(0)  # pic_parameter_set_id
    bits.put(number % (1 << FRAME_NUM_BITS), FRAME_NUM_BITS)
    if kind == SLICE_I:
        bits.ue(0)  # idr_pic_id
        bits.put(0b00, 2)  # no_output_of_prior_pics_flag, long_term_reference_flag
    else:
        bits.put(0b00, 2)  # no override of the reference, no reordering
        bits.put(0, 1)  # adaptive_ref_pic_marking_mode_flag
    bits.se(0)  # slice_qp_delta
    bits.ue(1)  # disable_deblocking_filter_idc


def samples(colour: Colour) -> bytes:
    luma, blue, red = colour
    return (
        bytes([luma]) * SIDE * SIDE
        + bytes([blue]) * CHROMA_SAMPLES
        + bytes([red]) * CHROMA_SAMPLES
    )


def plain(bits: Bits, colour: Colour, base: int) -> None:
    bits.ue(base + I_PCM)
    bits.align()
    bits.raw(samples(colour))


def predicted(bits: Bits, source: int, neighbours: list[int]) -> None:
    bits.ue(source)
    bits.ue(CHROMA_FROM[source])
    bits.se(0)  # mb_qp_delta
    # No coefficients: how that is said depends on how many the neighbours have.
    some = sum(neighbours) * COEFFICIENTS // (len(neighbours) or 1)
    bits.put(*((0b11, 6) if some else (1, 1)))


def first_picture(picture: Picture, colours: Sequence[Colour]) -> bytes:
    bits = Bits()
    slice_head(bits, SLICE_I, 0)
    pcm: dict[tuple[int, int], int] = {}
    for row, line in enumerate(picture):
        for column, colour in enumerate(line):
            left, above = (row, column - 1), (row - 1, column)
            neighbours = [pcm[place] for place in (left, above) if place in pcm]
            source = None
            if left in pcm and line[column - 1] == colour:
                source = FROM_LEFT
            elif above in pcm and picture[row - 1][column] == colour:
                source = FROM_ABOVE
            pcm[row, column] = int(source is None)
            if source is None:
                plain(bits, colours[colour], 0)
            else:
                predicted(bits, source, neighbours)
    return bits.nal(IDR)


def next_picture(
    number: int, changes: Mapping[int, int], squares: int, colours: Sequence[Colour]
) -> bytes:
    """A picture that differs from the last one in these squares, counted row by row."""
    bits = Bits()
    slice_head(bits, SLICE_P, number)
    done = 0
    for place in sorted(changes):
        bits.ue(place - done)  # mb_skip_run
        plain(bits, colours[changes[place]], INTRA_IN_P)
        done = place + 1
    if done < squares:
        bits.ue(squares - done)
    return bits.nal(NON_IDR)


def film(
    picture: Picture,
    colours: Sequence[Colour],
    changes: Sequence[Mapping[int, int]],
    picture_ms: int,
) -> bytes:
    """An MP4 file: one picture, and after each so many milliseconds the changes."""
    rows, columns = len(picture), len(picture[0])
    frames = [first_picture(picture, colours)] + [
        next_picture(number, change, rows * columns, colours)
        for number, change in enumerate(changes, start=1)
    ]
    media = [struct.pack(">I", len(frame)) + frame for frame in frames]
    head = box(b"ftyp", b"isom\0\0\2\0isomiso2avc1mp41")
    # What is before the pictures is as long whatever it says of where they are.
    size = len(head) + len(movie(columns, rows, media, picture_ms, 0)) + 8
    told = movie(columns, rows, media, picture_ms, size)
    return head + told + box(b"mdat", b"".join(media))


def movie(
    columns: int, rows: int, media: Sequence[bytes], picture_ms: int, offset: int
) -> bytes:
    duration = len(media) * picture_ms
    width, height = columns * SIDE, rows * SIDE
    return box(
        b"moov",
        full(b"mvhd", 0, *ints(0, 0, TIMESCALE_MS, duration, 0x10000),
             b"\1\0", bytes(10), MATRIX, bytes(24), *ints(2)),
        box(
            b"trak",
            full(b"tkhd", 3, *ints(0, 0, 1, 0, duration, 0, 0, 0, 0), MATRIX,
                 *ints(width << 16, height << 16)),
            box(
                b"mdia",
                full(b"mdhd", 0, *ints(0, 0, TIMESCALE_MS, duration, 0x55C40000)),
                full(b"hdlr", 0, *ints(0), b"vide", bytes(12), b"squares\0"),
                box(
                    b"minf",
                    full(b"vmhd", 1, bytes(8)),
                    box(b"dinf", full(b"dref", 0, *ints(1), full(b"url ", 1))),
                    box(
                        b"stbl",
                        full(b"stsd", 0, *ints(1), entry(columns, rows)),
                        full(b"stts", 0, *ints(1, len(media), picture_ms)),
                        full(b"stss", 0, *ints(1, 1)),
                        full(b"stsc", 0, *ints(1, 1, len(media), 1)),
                        full(b"stsz", 0, *ints(0, len(media), *map(len, media))),
                        full(b"stco", 0, *ints(1, offset)),
                    ),
                ),
            ),
        ),
    )


def entry(columns: int, rows: int) -> bytes:
    """What a decoder must know before the first picture."""
    sequence, picture = sequence_parameters(columns, rows), picture_parameters()
    config = b"".join(
        [
            b"\1", sequence[1:4], b"\xff\xe1",
            struct.pack(">H", len(sequence)), sequence,
            b"\1", struct.pack(">H", len(picture)), picture,
        ]
    )
    return box(
        b"avc1",
        bytes(6), b"\0\1", bytes(16),
        struct.pack(">HH", columns * SIDE, rows * SIDE),
        *ints(0x480000, 0x480000, 0), b"\0\1", bytes(32), b"\0\x18\xff\xff",
        box(b"avcC", config),
    )


def box(kind: bytes, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return struct.pack(">I", len(content) + 8) + kind + content


def full(kind: bytes, flags: int, *parts: bytes) -> bytes:
    return box(kind, struct.pack(">I", flags), *parts)


def ints(*values: int) -> Iterator[bytes]:
    return (struct.pack(">I", value) for value in values)


MATRIX = b"".join(ints(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000))
