namespace Palmyra.Backends;

/// <summary>What one layer's attention is told: heads, their width, the factor on q·k, and how far back a query sees.</summary>
/// <param name="Heads">The number of heads H.</param>
/// <param name="HeadDim">The width D of a head. A row of queries, keys and values is 3·H·D wide: all queries, all keys, all values.</param>
/// <param name="Scale">The factor on q·k before the softmax: 1/√D as a rule, 1 for GPT-Neo.</param>
/// <param name="Window">Key j is visible to query i when 0 ≤ i − j &lt; Window; 0 means every earlier key.</param>
public readonly record struct AttentionShape(int Heads, int HeadDim, float Scale, int Window)
{
    /// <summary>H·D: the width of the queries, of the keys, of the values and of the result.</summary>
    public int Width => Heads * HeadDim;
}
