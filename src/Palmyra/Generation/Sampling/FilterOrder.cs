namespace Palmyra.Generation.Sampling;

/// <summary>Whose order and rules the sampling filters follow; they differ in which tokens remain.</summary>
public enum FilterOrder
{
    /// <summary>Temperature, top-k, top-p, min-p, typical, epsilon, eta; each looks at what the ones before left.</summary>
    Transformers,

    /// <summary>
    /// The filters look at the raw logits, temperature comes last; top-p keeps a token unless the mass before it already exceeds p.
    /// </summary>
    /// <remarks>
    /// The original multiplies its top-k mask by the token's id, so that token 0 is never dropped. That is an oversight, not a rule, and
    /// is not reproduced.
    /// </remarks>
    MeshTransformerJax,

    /// <summary>
    /// OpenAI's GPT-2 release: temperature, top-k, top-p that keeps the tokens whose mass, themselves included, is at most p (at least one).
    /// </summary>
    OpenAI,

    /// <summary>Megatron-LM: temperature, then top-p with Mesh Transformer JAX's rule if it is below 1, else top-k.</summary>
    Megatron,
}
