"""The deployment record as a PDF."""

from typing import Final

from fpdf import FPDF
from fpdf.fonts import FontFace

from lookout_console.actions.records import Record

_WIDTHS: Final = (62, 38, 80)


def as_pdf(record: Record) -> bytes:
    """A4, with the built-in font, which knows Latin-1: other letters are written as ``?``."""
    pdf = FPDF(format="A4")
    pdf.set_title(_latin(f"Deployment record: {record.title}"))
    pdf.set_auto_page_break(auto=True, margin=18)
    pdf.add_page()
    pdf.set_font("Helvetica", style="B", size=18)
    pdf.multi_cell(0, 9, _latin(record.title), new_x="LMARGIN", new_y="NEXT")
    pdf.set_font("Helvetica", size=10)
    pdf.multi_cell(
        0, 6, "Deployment record. It holds no personal data.", new_x="LMARGIN", new_y="NEXT"
    )
    for warning in record.warnings:
        pdf.set_font("Helvetica", style="B", size=10)
        pdf.multi_cell(0, 6, _latin(warning), new_x="LMARGIN", new_y="NEXT")
    for section in record.sections:
        pdf.ln(4)
        pdf.set_font("Helvetica", style="B", size=12)
        pdf.cell(0, 8, _latin(section.title), new_x="LMARGIN", new_y="NEXT")
        pdf.set_font("Helvetica", size=9)
        with pdf.table(
            col_widths=_WIDTHS, headings_style=FontFace(emphasis="BOLD"), line_height=5
        ) as table:
            for cells in (
                ("What", "Count", "Interval and note"),
                *((row.words, row.value, row.note) for row in section.rows),
            ):
                line = table.row()
                for text in cells:
                    line.cell(_latin(text))
    return bytes(pdf.output())


def _latin(text: str) -> str:
    return text.encode("latin-1", "replace").decode("latin-1")
