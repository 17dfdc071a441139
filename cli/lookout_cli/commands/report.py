"""``lookout report``: documents for the record, made from what the system itself goes by."""

from pathlib import Path
from typing import Annotated

import typer
from lookout.retention import RetentionPolicy, load_retention, retention_table_markdown
from lookout.topics import Catalogue, load_catalogue, schemas_folder

from lookout_cli.console import out, told_plainly

app = typer.Typer(no_args_is_help=True, help="Documents for the record.")

PRIVACY_PAGE = Path("docs") / "privacy.md"
BEGIN = (
    "<!-- retention: written by `lookout report dpia --write-docs` from schemas/retention.yaml -->"
)
END = "<!-- end of retention -->"


@app.command()
def dpia(
    write_docs: Annotated[
        bool,
        typer.Option("--write-docs", help="Write the table of retention into docs/privacy.md."),
    ] = False,
) -> None:
    """Print an appendix for a DPIA, in Markdown: what is kept for how long and why, what is sealed, and who reads it."""
    with told_plainly():
        policy, catalogue = load_retention(), load_catalogue()
        if write_docs:
            page = schemas_folder().parent / PRIVACY_PAGE
            page.write_text(with_table(page.read_text(), policy, catalogue))
            out.print(f"written: {page}")
            return
        print(dpia_appendix(policy, catalogue), end="")


def with_table(page: str, policy: RetentionPolicy, catalogue: Catalogue) -> str:
    """The page on privacy with the table of retention as the policy has it now; appended where it has no place yet."""
    section = f"{BEGIN}\n{retention_table_markdown(policy, catalogue)}{END}"
    before, begin, rest = page.partition(BEGIN)
    if not begin:
        return f"{page.rstrip()}\n\n## What is kept, and for how long\n{section}\n"
    return before + section + rest.partition(END)[2]


def dpia_appendix(policy: RetentionPolicy, catalogue: Catalogue) -> str:
    """The appendix: retention, reasons, and the topics that carry sealed biometrics with who writes and reads them."""
    sealed = [entry for entry in catalogue.entries if entry.biometric == "sealed"]
    reasons = [
        f"- **{one.name.replace('_', ' ')}** ({one.period}): {one.why}" for one in policy.classes
    ]
    rows = [
        f"| `{entry.topic}` | {', '.join(entry.producers)} | {', '.join(entry.consumers)} |"
        f" {policy.of_topic(entry).period} |"
        for entry in sealed
    ]
    return "\n".join(
        [
            "# Appendix to a data protection impact assessment: what is kept",
            "",
            "Made from the system's own retention policy and catalogue of topics. Every period is a setting of this",
            "system with a default; none of them is the law, and forces differ. Nothing is held back by the system itself:",
            "who may hold a class back takes what is needed before `lookout purge` runs.",
            "",
            "## Retention by class of data",
            "",
            retention_table_markdown(policy, catalogue),
            "## Why",
            "",
            *reasons,
            "",
            "## Topics that carry biometrics, sealed",
            "",
            "The keeper reads whose records they are, to delete them at a deployment's end; it opens nothing.",
            "",
            "| topic | written by | read by | kept |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )
