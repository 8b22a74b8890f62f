using System.Runtime.CompilerServices;
using Palmyra.Backends.Cpu.Simd;
using Palmyra.Quantization;

namespace Palmyra.Backends.Cpu.Kernels;

/// <summary>How the integers of a group lie in a panel (<see cref="PanelLayout"/>); kernels widen them to pairs of 16 bits as they load them.</summary>
internal unsafe interface IGroupFormat
{
    /// <summary>Bytes of a group's integers.</summary>
    static abstract int IntegerBytes { get; }

    /// <summary>What every widened integer is too large by.</summary>
    static abstract int Excess { get; }

    /// <summary>The lowest number of each half of a quad's bits.</summary>
    static abstract int Low { get; }

    /// <summary>What four pairs of columns have in common, for <see cref="Pair"/>.</summary>
    static abstract T Quad<T, TVector>(byte* integers, int quad, int lane)
        where T : struct, IIntegers<T, TVector>
        where TVector : struct, IVector<TVector>;

    /// <summary>Pair <paramref name="j"/> of a quad, for the vector of rows from <paramref name="lane"/> on.</summary>
    /// <remarks><paramref name="low"/> holds <see cref="Low"/> everywhere. The caller keeps it: a constant would be loaded from memory each time.</remarks>
    static abstract T Pair<T, TVector>(T bits, T low, byte* integers, int quad, int j, int lane)
        where T : struct, IIntegers<T, TVector>
        where TVector : struct, IVector<TVector>;
}

/// <summary>Signed bytes.</summary>
internal readonly unsafe struct Q8Format : IGroupFormat
{
    public static int IntegerBytes => 512;

    public static int Excess => 0;

    public static int Low => 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Quad<T, TVector>(byte* integers, int quad, int lane)
        where T : struct, IIntegers<T, TVector>
        where TVector : struct, IVector<TVector> => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Pair<T, TVector>(T bits, T low, byte* integers, int quad, int j, int lane)
        where T : struct, IIntegers<T, TVector>
        where TVector : struct, IVector<TVector> => T.LoadBytes(integers + (((quad * 4) + j) * 2 * PanelLayout.PanelRows) + (2 * lane));
}

/// <summary>Four bits, eight numbers of a row in a word: number 2n + e of them lies 4n bits up in half e.</summary>
internal readonly unsafe struct Q4Format : IGroupFormat
{
    public static int IntegerBytes => 256;

    public static int Excess => 8;

    public static int Low => 0x000F000F;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Quad<T, TVector>(byte* integers, int quad, int lane)
        where T : struct, IIntegers<T, TVector>
        where TVector : struct, IVector<TVector> => T.Load(integers + (quad * 4 * PanelLayout.PanelRows) + (4 * lane));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Pair<T, TVector>(T bits, T low, byte* integers, int quad, int j, int lane)
        where T : struct, IIntegers<T, TVector>
        where TVector : struct, IVector<TVector> => j switch
        {
            0 => bits & low,
            3 => T.ShiftRight(bits, 12),
            _ => T.ShiftRight(bits, 4 * j) & low,
        };
}
