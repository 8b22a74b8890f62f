namespace Palmyra.Benchmarks;

/// <summary>A matrix of a real model: outputs, inputs, and the name it is known by.</summary>
public sealed record NamedShape(string Name, int Outputs, int Inputs)
{
    /// <summary>Queries, keys and values of GPT-2 124M.</summary>
    public static readonly NamedShape Gpt2Qkv = new("gpt2 qkv", 2304, 768);

    /// <summary>The first feed-forward matrix of GPT-2 124M.</summary>
    public static readonly NamedShape Gpt2Up = new("gpt2 up", 3072, 768);

    /// <summary>The second feed-forward matrix of GPT-2 124M.</summary>
    public static readonly NamedShape Gpt2Down = new("gpt2 down", 768, 3072);

    /// <summary>The head of GPT-2 124M, its token embedding.</summary>
    public static readonly NamedShape Gpt2Head = new("gpt2 head", 50257, 768);

    /// <summary>The first feed-forward matrix of GPT-J-6B: the shape that targets are stated for.</summary>
    public static readonly NamedShape GptJUp = new("gpt-j up", 16384, 4096);

    /// <summary>The second feed-forward matrix of GPT-J-6B.</summary>
    public static readonly NamedShape GptJDown = new("gpt-j down", 4096, 16384);

    /// <summary>Every shape.</summary>
    public static IEnumerable<NamedShape> All => [Gpt2Qkv, Gpt2Up, Gpt2Down, Gpt2Head, GptJUp, GptJDown];

    /// <summary>Weights.</summary>
    public int Count => Outputs * Inputs;

    /// <inheritdoc/>
    public override string ToString() => $"{Name} {Inputs}x{Outputs}";
}
