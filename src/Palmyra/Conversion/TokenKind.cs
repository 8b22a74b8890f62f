namespace Palmyra.Conversion;

/// <summary>What a token of a GGUF vocabulary is, by the format's numbering.</summary>
internal enum TokenKind
{
    /// <summary>Spelled in the byte alphabet and made by merges.</summary>
    Normal = 1,

    /// <summary>Stands for what the vocabulary lacks.</summary>
    Unknown = 2,

    /// <summary>Marks rather than says something.</summary>
    Control = 3,

    /// <summary>Cut out of the text before merging; its text is plain.</summary>
    UserDefined = 4,

    /// <summary>Fills an id that no token has.</summary>
    Unused = 5,

    /// <summary>A byte; not in vocabularies of GPT-2's kind.</summary>
    Byte = 6,
}
