using Palmyra.Evaluation.Tasks;

namespace Palmyra.Evaluation.Scoring;

/// <summary>Whatever gives log-probabilities of texts: a model opened here (LocalTextScorer), or one behind an API.</summary>
public interface ITextScorer : IDisposable
{
    /// <summary>How texts become tokens and answers, here as far as that is not the server's affair.</summary>
    EvaluationProtocol Protocol { get; }

    /// <summary>What is being asked, for reports.</summary>
    ModelDescription Description { get; }

    /// <summary>Tokens the model has computed for this scorer so far; what requests share counts once. 0 where nobody knows (an API).</summary>
    long TokensComputed { get; }

    /// <summary>Answers the requests of items. Items are drawn as there is room for them, so a long list is never held.</summary>
    /// <param name="items">The items, in any order.</param>
    /// <param name="cancellation">Looked at between batches.</param>
    /// <returns>The answers, in the order of the items.</returns>
    /// <exception cref="Diagnostics.EvaluationException">A request cannot be answered: a continuation without tokens, an API that fails.</exception>
    IAsyncEnumerable<ItemScore> ScoreAsync(IEnumerable<EvaluationItem> items, CancellationToken cancellation = default);
}
