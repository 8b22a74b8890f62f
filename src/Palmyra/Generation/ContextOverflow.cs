namespace Palmyra.Generation;

/// <summary>What happens when prompt and new tokens do not fit the model's context.</summary>
public enum ContextOverflow
{
    /// <summary>A <see cref="Diagnostics.GenerationException"/> before anything is generated.</summary>
    Error,

    /// <summary>
    /// Rotary models (GPT-J): each token sees the last T tokens, positions keep growing, as Mesh Transformer JAX generates.
    /// Learned positions (GPT-2, GPT-Neo): when position T would be needed, the last T/2 tokens are read again from position 0.
    /// </summary>
    SlidingWindow,
}
