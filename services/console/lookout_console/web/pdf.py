"""The deployment record as a PDF."""

import io
from typing import Final
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from lookout_console.actions.records import Record

_WIDTHS: Final = (62 * mm, 40 * mm, 72 * mm)
_LOOK: Final = TableStyle(
    [
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LINEBELOW", (0, 0), (-1, -1), 0.4, colors.lightgrey),
        ("LINEBELOW", (0, 0), (-1, 0), 0.8, colors.black),
    ]
)


def as_pdf(record: Record) -> bytes:
    """A4, with the built-in fonts, which know Latin-1: other letters are shown as a box."""
    styles = getSampleStyleSheet()
    body, head = styles["BodyText"], styles["Heading2"]
    parts: list[Flowable] = [
        Paragraph(escape(record.title), styles["Title"]),
        Paragraph("Deployment record. It holds no personal data.", body),
        *(Paragraph(f"<b>{escape(warning)}</b>", body) for warning in record.warnings),
    ]
    for section in record.sections:
        lines = [("What", "Count", "Interval and note")]
        lines += [(row.words, row.value, row.note) for row in section.rows]
        cells = [[Paragraph(escape(text), body) for text in line] for line in lines]
        parts += [
            Spacer(1, 4 * mm),
            Paragraph(escape(section.title), head),
            Table(cells, colWidths=_WIDTHS, repeatRows=1, style=_LOOK),
        ]
    out = io.BytesIO()
    SimpleDocTemplate(out, pagesize=A4, title=f"Deployment record: {record.title}").build(parts)
    return out.getvalue()
