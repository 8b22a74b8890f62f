namespace Palmyra.Testing.Ptx.Syntax;

/// <summary>The type an instruction or a declaration names: .u32, .f16x2, .pred.</summary>
/// <param name="Kind">How the bits are understood.</param>
/// <param name="Bytes">Size, both halves of a packed pair together; 0 for predicates.</param>
/// <param name="Packed">Whether it is a pair of 16-bit numbers in 32 bits.</param>
internal readonly record struct PtxType(ValueKind Kind, int Bytes, bool Packed = false)
{
    public static readonly PtxType Predicate = new(ValueKind.Predicate, 0);
    public static readonly PtxType U32 = new(ValueKind.Unsigned, 4);
    public static readonly PtxType B32 = new(ValueKind.Bits, 4);
    public static readonly PtxType F32 = new(ValueKind.Float, 4);

    private static readonly Dictionary<string, PtxType> Named = new()
    {
        ["pred"] = Predicate,
        ["b8"] = new(ValueKind.Bits, 1),
        ["b16"] = new(ValueKind.Bits, 2),
        ["b32"] = B32,
        ["b64"] = new(ValueKind.Bits, 8),
        ["u8"] = new(ValueKind.Unsigned, 1),
        ["u16"] = new(ValueKind.Unsigned, 2),
        ["u32"] = U32,
        ["u64"] = new(ValueKind.Unsigned, 8),
        ["s8"] = new(ValueKind.Signed, 1),
        ["s16"] = new(ValueKind.Signed, 2),
        ["s32"] = new(ValueKind.Signed, 4),
        ["s64"] = new(ValueKind.Signed, 8),
        ["f16"] = new(ValueKind.Float, 2),
        ["f32"] = F32,
        ["f64"] = new(ValueKind.Float, 8),
        ["bf16"] = new(ValueKind.Brain, 2),
        ["f16x2"] = new(ValueKind.Float, 4, Packed: true),
        ["bf16x2"] = new(ValueKind.Brain, 4, Packed: true),

        // 32 bits of which a tensor core reads the upper nineteen.
        ["tf32"] = F32,
    };

    /// <summary>Whether numbers of this type carry a sign.</summary>
    public bool IsSigned => Kind is ValueKind.Signed;

    /// <summary>Whether it is a float of any width, packed pairs included.</summary>
    public bool IsFloat => Kind is ValueKind.Float or ValueKind.Brain;

    /// <summary>The .NET type that computes like it; null for predicates, brain floats, pairs and single bytes of floats.</summary>
    public Type? Clr => (Kind, Bytes, Packed) switch
    {
        (ValueKind.Unsigned or ValueKind.Bits, 1, _) => typeof(byte),
        (ValueKind.Unsigned or ValueKind.Bits, 2, _) => typeof(ushort),
        (ValueKind.Unsigned or ValueKind.Bits, 4, _) => typeof(uint),
        (ValueKind.Unsigned or ValueKind.Bits, 8, _) => typeof(ulong),
        (ValueKind.Signed, 1, _) => typeof(sbyte),
        (ValueKind.Signed, 2, _) => typeof(short),
        (ValueKind.Signed, 4, _) => typeof(int),
        (ValueKind.Signed, 8, _) => typeof(long),
        (ValueKind.Float, 2, _) => typeof(Half),
        (ValueKind.Float, 4, false) => typeof(float),
        (ValueKind.Float, 8, _) => typeof(double),
        _ => null,
    };

    /// <summary>Finds a type by its name without the dot.</summary>
    public static bool TryParse(string name, out PtxType type) => Named.TryGetValue(name, out type);
}
