namespace Palmyra.Evaluation.Replay;

/// <summary>Gathers the comparisons of one section and remembers the worst of them.</summary>
internal sealed class Difference(string name, double bound)
{
    private int _compared;
    private double _largest;
    private string? _where;

    public bool IsEmpty => _compared == 0;

    public VerificationSection ToSection() => new(name, _compared, _largest, bound, _where);

    public void Absolute(ReadOnlySpan<float> found, ReadOnlySpan<float> expected, string where)
    {
        for (int i = 0; i < expected.Length; i++)
        {
            Take(Math.Abs((double)found[i] - expected[i]), where, i);
        }
    }

    public void Absolute(double found, double expected, string where, int index = 0) => Take(Math.Abs(found - expected), where, index);

    /// <summary>|found − expected| ÷ expected; what is expected to be zero must be zero.</summary>
    public void Relative(ReadOnlySpan<float> found, ReadOnlySpan<float> expected, string where)
    {
        for (int i = 0; i < expected.Length; i++)
        {
            double apart = Math.Abs((double)found[i] - expected[i]);
            Take(apart == 0 ? 0 : expected[i] == 0 ? double.PositiveInfinity : apart / Math.Abs((double)expected[i]), where, i);
        }
    }

    /// <summary>Counts the places where the lists differ; a missing or surplus item is one.</summary>
    public void Equal(ReadOnlySpan<int> found, ReadOnlySpan<int> expected, string where)
    {
        int length = Math.Max(found.Length, expected.Length);
        _compared += length;
        for (int i = 0; i < length; i++)
        {
            int? left = i < found.Length ? found[i] : null;
            int? right = i < expected.Length ? expected[i] : null;
            if (left != right)
            {
                _largest++;
                _where ??= $"{where}[{i}]: expected {right?.ToString() ?? "nothing"}, found {left?.ToString() ?? "nothing"}";
            }
        }
    }

    /// <summary>Counts a text that is not the expected one.</summary>
    public void Equal(string found, string expected, string where)
    {
        _compared++;
        if (!string.Equals(found, expected, StringComparison.Ordinal))
        {
            _largest++;
            _where ??= $"{where}: expected \"{expected}\", found \"{found}\"";
        }
    }

    private void Take(double apart, string where, int index)
    {
        _compared++;

        // Written so that NaN becomes and stays the largest.
        if (!double.IsNaN(_largest) && !(apart <= _largest))
        {
            (_largest, _where) = (apart, $"{where}[{index}]");
        }
    }
}
