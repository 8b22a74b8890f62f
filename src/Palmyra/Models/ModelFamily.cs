namespace Palmyra.Models;

/// <summary>The three decoder families (config key <c>model_type</c>).</summary>
public enum ModelFamily
{
    /// <summary><c>gpt2</c>: learned positions, sequential blocks, tied head. Palmyra-small, -base and -large are of this family.</summary>
    Gpt2,

    /// <summary><c>gpt_neo</c>: as GPT-2, with local layers, unscaled scores and no bias on q, k and v.</summary>
    GptNeo,

    /// <summary><c>gptj</c>: rotary positions, attention and feed-forward in parallel from one norm, a head of its own with bias.</summary>
    GptJ,
}
