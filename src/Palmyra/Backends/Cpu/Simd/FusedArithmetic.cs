using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Palmyra.Backends.Cpu.Simd;

/// <summary>Whether this process multiplies and adds with one rounding.</summary>
/// <remarks>
/// A property of the processor, decided once for all widths: with fused multiply-add instructions every kernel uses them, without them
/// every kernel multiplies, rounds, adds and rounds. The library's own software emulation of the fused operation is never used: it is
/// tens of times slower. So results repeat to the bit on one machine, and between machines of the same kind.
/// </remarks>
internal static class FusedArithmetic
{
    public static bool IsSupported => Fma.IsSupported || AdvSimd.IsSupported;
}
