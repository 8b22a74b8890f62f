namespace Palmyra.Benchmarks;

/// <summary>A matrix of a real model: outputs, inputs, and the name it is known by.</summary>
public sealed record NamedShape(string Name, int Outputs, int Inputs)
{
    /// <summary>The shapes every operation is measured on.</summary>
    public static IEnumerable<NamedShape> All =>
    [
        new("gpt2 c_attn", 2304, 768),
        new("gpt2 mlp.c_proj", 768, 3072),
        new("gpt-j fc_in", 16384, 4096),
    ];

    /// <inheritdoc/>
    public override string ToString() => $"{Name} {Outputs}x{Inputs}";
}
