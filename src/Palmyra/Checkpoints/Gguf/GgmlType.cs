namespace Palmyra.Checkpoints.Gguf;

/// <summary>How a GGUF tensor stores its numbers, by ggml's own names and numbering; only what Palmyra reads is listed.</summary>
public enum GgmlType
{
    /// <summary>32-bit floats.</summary>
    F32 = 0,

    /// <summary>IEEE 16-bit floats.</summary>
    F16 = 1,

    /// <summary>Blocks of 32: a 16-bit scale d and 32 integers q of 4 bits; a number is (q − 8)·d.</summary>
    Q4_0 = 2,

    /// <summary>Blocks of 32: a 16-bit scale d and 32 signed bytes q; a number is q·d.</summary>
    Q8_0 = 8,

    /// <summary>Upper halves of 32-bit floats. Read, not written.</summary>
    BF16 = 30,
}
