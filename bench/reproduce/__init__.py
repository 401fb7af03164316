"""From records and counts to verdicts: the paper's tables, printed vs measured."""
