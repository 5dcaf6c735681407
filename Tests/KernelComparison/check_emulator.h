// Whether the emulator does what CPUs do.
#pragma once

/// Runs every emulated instruction in every form of its operands, beside its counterpart of AVX-512 VNNI, if this CPU has
/// that, on random operands; and sees that other instructions still end a process. Prints what is wrong; returns how much.
int check_avxvnni_emulator(void);
