"""How accurate a pack is, measured as ISO/IEC 19795 has it: open-set identification, with intervals."""
