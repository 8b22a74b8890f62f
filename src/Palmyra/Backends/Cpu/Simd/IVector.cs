namespace Palmyra.Backends.Cpu.Simd;

/// <summary>A group of floats that kernels compute on: one kernel, written against this, serves four widths.</summary>
/// <remarks>
/// Every member is defined lane by lane with the same IEEE operations at every width, so a kernel whose lanes are independent gives the
/// same bits at 512, 256, 128 and 32 bits. Sums over many lanes do depend on the width unless they are organised as <c>Reduction</c> does.
/// </remarks>
internal unsafe interface IVector<T>
    where T : struct, IVector<T>
{
    /// <summary>Lanes.</summary>
    static abstract int Count { get; }

    /// <summary>Rows of the largest matrix-product tile that keeps its accumulators in registers: three vectors a row.</summary>
    static abstract int TileRows { get; }

    static abstract T Zero { get; }

    static abstract T Create(float value);

    static abstract T Load(float* source);

    /// <summary>Loads IEEE halves; exact for every one of the 65,536 values.</summary>
    static abstract T LoadHalf(ushort* source);

    /// <summary>Loads IEEE halves none of which is infinite or NaN, in half the instructions.</summary>
    static abstract T LoadFiniteHalf(ushort* source);

    /// <summary>Loads 8-bit integers.</summary>
    static abstract T LoadSByte(sbyte* source);

    static abstract void Store(float* destination, T value);

    /// <summary>Stores the low 16 bits of each lane: of a number that holds 1.5·2²³ + n, the integer n.</summary>
    static abstract void StoreLow16(short* destination, T value);

    /// <summary>Stores the low 8 bits of each lane, likewise.</summary>
    static abstract void StoreLow8(sbyte* destination, T value);

    static abstract T operator +(T left, T right);

    static abstract T operator -(T left, T right);

    static abstract T operator *(T left, T right);

    static abstract T operator /(T left, T right);

    /// <summary>a·b + c: rounded once where the processor has the instruction (<see cref="FusedArithmetic"/>), twice elsewhere; the same at all widths.</summary>
    static abstract T MultiplyAdd(T a, T b, T c);

    static abstract T Abs(T value);

    /// <summary>left &lt; right ? yes : no, lane by lane; a NaN on either side chooses <paramref name="no"/>.</summary>
    static abstract T WhereLess(T left, T right, T yes, T no);

    /// <summary>2ⁿ from a number that holds 1.5·2²³ + n, for n from −126 to 127: its low bits moved into the exponent.</summary>
    static abstract T PowerOfTwo(T shifted);
}
