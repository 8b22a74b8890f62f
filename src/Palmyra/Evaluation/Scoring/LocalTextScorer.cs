using System.Runtime.CompilerServices;
using Palmyra.Backends;
using Palmyra.Checkpoints;
using Palmyra.Diagnostics;
using Palmyra.Evaluation.Tasks;
using Palmyra.Models;

namespace Palmyra.Evaluation.Scoring;

/// <summary>Scores texts with a model opened here.</summary>
/// <remarks>
/// What the requests of an item begin with alike is computed once. Answers do not depend on batches, order or threads, to the last bit.
/// Not thread-safe.
/// </remarks>
public sealed class LocalTextScorer : ITextScorer
{
    private readonly PromptEncoder _encoder;
    private readonly Scorer _scorer;

    /// <summary>Readies a model.</summary>
    /// <param name="model">The model; it stays the caller's.</param>
    /// <param name="protocol">How texts become tokens and which logits take part. Its weight format is the business of whoever opened the model.</param>
    /// <param name="batchTokens">Tokens that go through the model at a time, and that the cache holds; memory grows with it, answers do not depend on it.</param>
    /// <param name="name">What reports call the model; the name of its folder if null.</param>
    /// <exception cref="TokenizationException">The model's folder has no tokenizer, or a damaged one.</exception>
    /// <exception cref="CheckpointException">The model's files cannot be read any more.</exception>
    public LocalTextScorer(LanguageModel model, EvaluationProtocol protocol, int batchTokens = Scorer.DefaultRowsPerBatch, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(protocol);
        _encoder = new PromptEncoder(model.Tokenizer, model.Config, protocol);
        Protocol = protocol;
        string format = model.Transformer.Weights.Blocks[0].Up.Format.ToString();
        var flops = new FlopCount(model.Config);
        Description = new ModelDescription
        {
            Name = name ?? Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(model.Folder))),
            Where = $"{KindOf(model.Backend)}, {format} weights",
            On = model.Backend.Description,
            Settings = model.Tokenizer.SplitPattern is string pattern ? $"text split by {pattern}" : null,
            Weights = format.ToLowerInvariant(),
            Digest = CheckpointDigest.Compute(model.Folder, model.WeightFiles),
            Parameters = flops.Parameters,
            TrainingFlopsPerToken = flops.TrainingFormulas.ToDictionary(formula => formula.Name, formula => formula.Value),
        };
        _scorer = new Scorer(model.Transformer, batchTokens, protocol.VocabularyLimit, protocol.TiesAreGreedy);
    }

    /// <inheritdoc/>
    public EvaluationProtocol Protocol { get; }

    /// <inheritdoc/>
    public ModelDescription Description { get; }

    /// <inheritdoc/>
    public long TokensComputed => _scorer.TokensComputed;

    /// <inheritdoc/>
    public async IAsyncEnumerable<ItemScore> ScoreAsync(
        IEnumerable<EvaluationItem> items, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(items);
        var parts = new Queue<Part>();
        long computed = TokensComputed;
        foreach (TokenScore[][] scores in _scorer.ScoreGroups(Groups(items, parts), cancellation))
        {
            if (computed != TokensComputed)
            {
                // A batch has run. The model computes on this thread, so whoever waits elsewhere on it gets a turn.
                computed = TokensComputed;
                await Task.Yield();
            }

            Part part = parts.Dequeue();
            part.Take(scores);
            if (part.IsLast)
            {
                yield return new ItemScore(part.Item, part.Answers);
            }
        }
    }

    /// <summary>Gives working memory back; the model stays.</summary>
    public void Dispose() => _scorer.Dispose();

    // "cpu (AVX-512, 2 threads)": what stands in brackets changes no answer.
    private static string KindOf(IBackend backend)
    {
        int bracket = backend.Description.IndexOf(" (", StringComparison.Ordinal);
        return bracket < 0 ? backend.Description : backend.Description[..bracket];
    }

    // The continuations of an item are one group, the windows of a whole text one each; `parts` says of every group whose it is.
    private IEnumerable<IReadOnlyList<TokenRequest>> Groups(IEnumerable<EvaluationItem> items, Queue<Part> parts)
    {
        foreach (EvaluationItem item in items)
        {
            var answers = new RequestScore[item.Requests.Count];
            var numbers = new List<int>();
            var group = new List<TokenRequest>();
            for (int i = 0; i < answers.Length; i++)
            {
                answers[i] = new RequestScore(0, IsGreedy: true, 0);
                switch (item.Requests[i])
                {
                    case ContinuationRequest continuation:
                        TokenRequest request = _encoder.Encode(continuation, item.Index);
                        answers[i] = answers[i] with { IsCut = request.IsCut };
                        numbers.Add(i);
                        group.Add(request);
                        break;
                    case RollingRequest rolling:
                        foreach (TokenRequest window in _encoder.Encode(rolling, item.Index))
                        {
                            parts.Enqueue(new Part(item.Index, answers, [i], IsLast: false));
                            yield return [window];
                        }

                        break;
                    default:
                        throw new EvaluationException(
                            $"Item {item.Index}: a model scores continuations and whole texts; found a {item.Requests[i].GetType().Name}.");
                }
            }

            parts.Enqueue(new Part(item.Index, answers, numbers, IsLast: true));
            yield return group;
        }
    }

    // Requests of an item that are answered together.
    private sealed record Part(int Item, RequestScore[] Answers, IReadOnlyList<int> Numbers, bool IsLast)
    {
        public void Take(TokenScore[][] scores)
        {
            for (int i = 0; i < scores.Length; i++)
            {
                RequestScore sum = Answers[Numbers[i]];
                foreach (TokenScore score in scores[i])
                {
                    sum = sum with
                    {
                        LogProbability = sum.LogProbability + score.LogProbability,
                        IsGreedy = sum.IsGreedy && score.Best == score.Id,
                        Tokens = sum.Tokens + 1,
                    };
                }

                Answers[Numbers[i]] = sum;
            }
        }
    }
}
