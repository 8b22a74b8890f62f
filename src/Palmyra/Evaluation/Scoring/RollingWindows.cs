namespace Palmyra.Evaluation.Scoring;

/// <summary>Cuts a text of any length into windows that together score each of its tokens once: lm-evaluation-harness' rolling log-likelihood.</summary>
/// <remarks>
/// Its <c>get_rolling_token_windows</c> and <c>make_disjoint_window</c>: the first window reads the prefix token and scores up to T tokens; each
/// later one scores T − c + 1 more with c tokens of context, and the last one only what is left, with as much context as fits.
/// </remarks>
public static class RollingWindows
{
    /// <summary>The windows, one after the other.</summary>
    /// <param name="tokens">The text's tokens; none give no windows.</param>
    /// <param name="prefix">The token in front, which nothing scores.</param>
    /// <param name="length">Tokens T a window's input has at most: the model's context.</param>
    /// <param name="context">Tokens c of context in every window but the first: 1, as in the harness, to T. Larger ones give strides.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="length"/> or <paramref name="context"/> is out of range.</exception>
    public static IEnumerable<TokenRequest> Cut(ReadOnlyMemory<int> tokens, int prefix, int length, int context = 1)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(length, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(context, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(context, length);
        return Windows([prefix, .. tokens.Span], length, length - context + 1);
    }

    private static IEnumerable<TokenRequest> Windows(int[] ids, int length, int step)
    {
        // Place 0 holds the prefix: ids up to `read` are scored or need not be.
        for (int read = 1; read < ids.Length;)
        {
            int count = Math.Min(ids.Length - read, read == 1 ? length : step);
            int end = read + count;
            int start = Math.Max(0, end - length - 1);
            yield return new TokenRequest(ids.AsMemory(start, end - start), read - start);
            read = end;
        }
    }
}
