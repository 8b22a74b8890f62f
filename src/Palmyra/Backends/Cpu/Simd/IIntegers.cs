namespace Palmyra.Backends.Cpu.Simd;

/// <summary>A group of 32-bit integers, each also read as two of 16 bits or four of 8: what the kernels of narrow weights compute on.</summary>
/// <remarks>
/// Every member is exact but <see cref="ToFloats"/>, which rounds to nearest even, and defined lane by lane, so a kernel gives the same
/// numbers at every width. It counts as many lanes as <typeparamref name="TVector"/>, the floats it turns into.
/// </remarks>
internal unsafe interface IIntegers<T, TVector>
    where T : struct, IIntegers<T, TVector>
    where TVector : struct, IVector<TVector>
{
    static abstract T Zero { get; }

    static abstract T Create(int value);

    static abstract T Load(void* source);

    /// <summary>Loads two signed bytes a lane as two 16-bit integers.</summary>
    static abstract T LoadBytes(void* source);

    /// <summary>Loads 16 bits a lane as the sign, exponent and fraction of a float, to be cut out with <c>RaisedHalf.Mask</c>.</summary>
    static abstract T LoadRaised(ushort* source);

    static abstract void Store(void* destination, T value);

    static abstract T operator +(T left, T right);

    static abstract T operator &(T left, T right);

    static abstract T operator |(T left, T right);

    /// <summary>Each 32-bit lane shifted to the left.</summary>
    static abstract T ShiftLeft(T value, int bits);

    /// <summary>Each 32-bit lane shifted to the right, copies of its sign coming in.</summary>
    static abstract T ShiftRightSigned(T value, int bits);

    /// <summary>left = right ? yes : 0, for each 32-bit lane.</summary>
    static abstract T WhereEqual(T left, T right, T yes);

    /// <summary>Each 16-bit half shifted to the right, zeros coming in.</summary>
    static abstract T ShiftRight(T value, int bits);

    /// <summary>The sum of each 16-bit half, which must not overflow.</summary>
    static abstract T AddPairs(T left, T right);

    /// <summary>In each 16-bit half low·low + high·high of its bytes, unsigned times signed; the sum must fit 16 bits.</summary>
    static abstract T MultiplyQuads(T unsigned, T signed);

    /// <summary>low·low + high·high of the signed 16-bit halves, as 32 bits.</summary>
    static abstract T MultiplyPairs(T left, T right);

    /// <summary>The bits of floats.</summary>
    static abstract T FromFloats(TVector value);

    /// <summary>The floats that have these bits.</summary>
    static abstract TVector AsFloats(T value);

    /// <summary>The nearest floats.</summary>
    static abstract TVector ToFloats(T value);
}
