using Palmyra.Backends;

namespace Palmyra.Models;

/// <summary>The weights of one layer. What a family lacks is null; that is how the families differ.</summary>
/// <param name="Norm1Gain">[1, C].</param>
/// <param name="Norm1Bias">[1, C].</param>
/// <param name="Qkv">[3C, C]: queries, keys and values in one matrix.</param>
/// <param name="QkvBias">[1, 3C]; null for GPT-J and GPT-Neo.</param>
/// <param name="Out">[C, C].</param>
/// <param name="OutBias">[1, C]; null for GPT-J.</param>
/// <param name="Norm2Gain">[1, C]; null where attention and feed-forward share the first norm (GPT-J).</param>
/// <param name="Norm2Bias">[1, C]; null with <paramref name="Norm2Gain"/>.</param>
/// <param name="Up">[F, C].</param>
/// <param name="UpBias">[1, F].</param>
/// <param name="Down">[C, F].</param>
/// <param name="DownBias">[1, C].</param>
public sealed record Block(
    Tensor Norm1Gain,
    Tensor Norm1Bias,
    Matrix Qkv,
    Tensor? QkvBias,
    Matrix Out,
    Tensor? OutBias,
    Tensor? Norm2Gain,
    Tensor? Norm2Bias,
    Matrix Up,
    Tensor UpBias,
    Matrix Down,
    Tensor DownBias);
