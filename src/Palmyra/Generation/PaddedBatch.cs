using Palmyra.Diagnostics;

namespace Palmyra.Generation;

/// <summary>Rectangles of token ids, as transformers passes batches: taken apart into sequences, and made from them.</summary>
public static class PaddedBatch
{
    /// <summary>Removes the padding; each row then generates exactly what it generates alone.</summary>
    /// <param name="ids">[rows][cols].</param>
    /// <param name="mask">[rows][cols] of 1 (token) and 0 (padding); null infers it as transformers does: padding is what equals
    /// <paramref name="padToken"/>, unless that is also an end token, when every id counts.</param>
    /// <param name="padToken">The padding token, if there is one.</param>
    /// <param name="endTokens">The end tokens.</param>
    /// <exception cref="GenerationException">Ids and mask differ in size, or a mask is neither 0 nor 1.</exception>
    public static int[][] ToSequences(
        IReadOnlyList<IReadOnlyList<int>> ids,
        IReadOnlyList<IReadOnlyList<int>>? mask,
        int? padToken = null,
        IReadOnlyList<int>? endTokens = null)
    {
        if (mask is not null && mask.Count != ids.Count)
        {
            throw new GenerationException($"attention_mask was expected to have {ids.Count} rows like input_ids; found {mask.Count}.");
        }

        int? inferred = mask is null && padToken is { } pad && endTokens?.Contains(pad) != true ? pad : null;
        var sequences = new int[ids.Count][];
        for (int row = 0; row < ids.Count; row++)
        {
            if (mask is not null && mask[row].Count != ids[row].Count)
            {
                throw new GenerationException(
                    $"attention_mask row {row} was expected to have {ids[row].Count} columns like input_ids; found {mask[row].Count}.");
            }

            var kept = new List<int>(ids[row].Count);
            for (int column = 0; column < ids[row].Count; column++)
            {
                int shown = mask is null ? (ids[row][column] == inferred ? 0 : 1) : mask[row][column];
                if (shown is not (0 or 1))
                {
                    throw new GenerationException($"attention_mask was expected to hold 0 and 1; found {shown} in row {row}.");
                }

                if (shown == 1)
                {
                    kept.Add(ids[row][column]);
                }
            }

            sequences[row] = [.. kept];
        }

        return sequences;
    }

    /// <summary>Fills sequences on the right to one length: what transformers' <c>generate</c> returns for prompts of one length.</summary>
    /// <param name="sequences">The sequences.</param>
    /// <param name="padToken">The padding token.</param>
    public static int[][] Pad(IReadOnlyList<IReadOnlyList<int>> sequences, int padToken)
    {
        int length = sequences.Count == 0 ? 0 : sequences.Max(sequence => sequence.Count);
        return [.. sequences.Select(sequence => sequence.Concat(Enumerable.Repeat(padToken, length - sequence.Count)).ToArray())];
    }
}
