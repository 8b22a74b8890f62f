using Palmyra.Backends;

namespace Palmyra.Checkpoints.Gguf;

/// <summary>Facts about <see cref="GgmlType"/>.</summary>
public static class GgmlTypes
{
    // ggml's numbering, so that a refusal can name what it found: most files people have are of the K kinds.
    private static readonly string?[] Names =
    [
        "F32", "F16", "Q4_0", "Q4_1", null, null, "Q5_0", "Q5_1", "Q8_0", "Q8_1", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "Q8_K",
        "IQ2_XXS", "IQ2_XS", "IQ3_XXS", "IQ1_S", "IQ4_NL", "IQ3_S", "IQ2_S", "IQ4_XS", "I8", "I16", "I32", "I64", "F64", "IQ1_M", "BF16",
    ];

    /// <summary>Numbers that are stored together: a row must be a multiple of it.</summary>
    public static int BlockSize(this GgmlType type) => type is GgmlType.Q4_0 or GgmlType.Q8_0 ? 32 : 1;

    /// <summary>Bytes of a block.</summary>
    public static int BlockBytes(this GgmlType type) => type switch
    {
        GgmlType.F32 => 4,
        GgmlType.Q4_0 => 2 + 16,
        GgmlType.Q8_0 => 2 + 32,
        _ => 2,
    };

    /// <summary>Bytes of a number of elements, a multiple of the block.</summary>
    public static long Bytes(this GgmlType type, long count) => checked(count / type.BlockSize() * type.BlockBytes());

    /// <summary>Palmyra's name of the grouped format whose numbers the blocks hold; null for the float types.</summary>
    public static MatrixFormat? GroupedFormat(this GgmlType type) => type switch
    {
        GgmlType.Q4_0 => MatrixFormat.Q4,
        GgmlType.Q8_0 => MatrixFormat.Q8,
        _ => null,
    };

    /// <summary>ggml's name of a type's number, known to Palmyra or not.</summary>
    internal static string NameOf(uint number) => number < Names.Length && Names[number] is string name ? name : $"number {number}";

    /// <summary>What the same numbers are called in other checkpoints; blocks are handed out as F32, which holds them exactly.</summary>
    internal static ElementType ElementType(this GgmlType type) => type switch
    {
        GgmlType.F16 => Checkpoints.ElementType.F16,
        GgmlType.BF16 => Checkpoints.ElementType.BF16,
        _ => Checkpoints.ElementType.F32,
    };
}
