namespace Palmyra.Generation.Sampling;

/// <summary>Which tokens of the descending order top-p keeps; the first always stays.</summary>
internal enum TopPRule
{
    /// <summary>Those before which less than p lies: the smallest set with mass of at least p.</summary>
    Transformers,

    /// <summary>Those before which no more than p lies.</summary>
    Shifted,

    /// <summary>Those up to and including which no more than p lies.</summary>
    Inclusive,
}
