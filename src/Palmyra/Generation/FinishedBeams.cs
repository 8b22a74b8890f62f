namespace Palmyra.Generation;

/// <summary>The best finished texts of a beam search, as many as it has beams, and when no better can come.</summary>
/// <remarks>transformers' BeamHypotheses since 4.36: lengths count new tokens, the end token included.</remarks>
/// <param name="options">Beams, length penalty and early stopping.</param>
/// <param name="mostNewTokens">The largest number of new tokens.</param>
internal sealed class FinishedBeams(GenerationOptions options, int mostNewTokens)
{
    private readonly List<FinishedBeam> _beams = [];

    /// <summary>Takes a text if it is among the best.</summary>
    public void Add(int[] tokens, float[] logProbabilities, double sum, int newTokens, FinishReason reason)
    {
        double score = Penalize(sum, newTokens);
        if (_beams.Count < options.NumBeams || score > Worst)
        {
            if (_beams.Count == options.NumBeams)
            {
                _beams.Remove(_beams.MinBy(beam => beam.Score)!);
            }

            _beams.Add(new FinishedBeam(score, tokens, logProbabilities, reason));
        }
    }

    /// <summary>Whether the search may end.</summary>
    /// <param name="bestSum">The largest running sum among the candidates of this step.</param>
    /// <param name="newTokens">New tokens after this step.</param>
    public bool NothingBetterCanCome(double bestSum, int newTokens) =>
        _beams.Count >= options.NumBeams && options.EarlyStopping switch
        {
            EarlyStopping.WhenEnough => true,
            EarlyStopping.Never when options.LengthPenalty > 0 => Worst >= Penalize(bestSum, mostNewTokens),
            _ => Worst >= Penalize(bestSum, newTokens),
        };

    /// <summary>The best texts, best first; among equals the later one, as transformers' stable sort and pop give.</summary>
    public IEnumerable<FinishedBeam> Best(int count) => _beams.OrderBy(beam => beam.Score).Reverse().Take(count);

    private double Worst => _beams.Min(beam => beam.Score);

    private double Penalize(double sum, int newTokens) => sum / Math.Pow(newTokens, options.LengthPenalty);
}
