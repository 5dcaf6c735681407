// AVX-VNNI on x86-64 CPUs that lack it.
#pragma once

/// From now on, VEX-encoded vpdpbusd, vpdpbusds, vpdpwssd and vpdpwssds that this CPU refuses are computed in a handler of
/// SIGILL, a microsecond or two each. Every other instruction that it refuses ends the process as before.
void emulate_avxvnni(void);
