using System.Runtime.CompilerServices;
using Palmyra.Diagnostics;
using Palmyra.Evaluation.Scoring;
using Palmyra.Evaluation.Tasks;

namespace Palmyra.Evaluation.Api;

/// <summary>Scores with a model behind an OpenAI-compatible completions endpoint, as lm-evaluation-harness does.</summary>
/// <remarks>
/// The prompt is echoed with the log-probability of each of its tokens. Every answer is checked to do so: many servers leave <c>echo</c> out,
/// and a client that does not look reports chance. May be used by several threads at once.
/// </remarks>
public sealed class CompletionsTextScorer : ITextScorer
{
    private readonly CompletionsOptions _options;
    private readonly CompletionsClient _client;
    private readonly CompletionsAnswer _answer;
    private readonly ApiPrompts _prompts;
    private long _tokens;

    /// <summary>Prepares to ask; nothing is sent yet.</summary>
    /// <param name="options">Which API, and how. <see cref="CompletionsOptions.Handler"/> is disposed with the scorer.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number of the options is below its least value.</exception>
    /// <exception cref="EvaluationException">The address, the key, or the protocol together with a missing tokenizer cannot be used.</exception>
    public CompletionsTextScorer(CompletionsOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.MaxLength, options.Dialect.MaxTokens + 2);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Concurrency, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.BatchSize, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Attempts, 1);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(options.Timeout, TimeSpan.Zero);
        EvaluationProtocol protocol = options.Protocol;
        if (options.Tokenizer is null && (protocol.Encoding == ContinuationEncoding.Separate || protocol.StartsWithEndOfText || protocol.RepairsText))
        {
            throw new EvaluationException(
                $"Protocol \"{protocol.Name}\" says how texts become tokens, which the server does where prompts go as text; give the model's tokenizer, or choose \"today\".");
        }

        _options = options;
        _client = new CompletionsClient(options);
        _answer = new CompletionsAnswer(_client.Where, options.Dialect);
        int longest = options.MaxLength - options.Dialect.MaxTokens;
        _prompts = new ApiPrompts(options.Tokenizer is { } tokenizer ? new PromptEncoder(tokenizer, longest, protocol) : null);
        Description = new ModelDescription { Name = options.Model, Where = _client.Where, Settings = SettingsOf(options) };
    }

    /// <inheritdoc/>
    public EvaluationProtocol Protocol => _options.Protocol;

    /// <inheritdoc/>
    public ModelDescription Description { get; }

    /// <summary>The sum of <c>usage.prompt_tokens</c> so far, whatever the server reuses of them; 0 where it does not say.</summary>
    public long TokensComputed => Interlocked.Read(ref _tokens);

    /// <inheritdoc/>
    /// <remarks>Equal requests of an item are sent once. Items are drawn only as far as their requests are on their way.</remarks>
    public async IAsyncEnumerable<ItemScore> ScoreAsync(
        IEnumerable<EvaluationItem> items,
        [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var open = new Queue<OpenItem>();
        var inFlight = new Queue<(List<Question> Questions, Task<CompletionsAnswer.Scores> Answer)>();
        using IEnumerator<Question> questions = Draw(items, open).GetEnumerator();
        try
        {
            for (bool more = true; ;)
            {
                while (more && inFlight.Count < _options.Concurrency)
                {
                    cancellation.ThrowIfCancellationRequested();
                    List<Question> batch = Take(questions);
                    more = batch.Count == _options.BatchSize;
                    if (batch.Count > 0)
                    {
                        inFlight.Enqueue((batch, AskAsync(batch, stop.Token)));
                    }
                }

                while (open.TryPeek(out OpenItem? first) && first.Unanswered == 0)
                {
                    open.Dequeue();
                    yield return first.ToScore();
                }

                if (!inFlight.TryPeek(out (List<Question> Questions, Task<CompletionsAnswer.Scores> Answer) next))
                {
                    yield break;
                }

                CompletionsAnswer.Scores scores = await next.Answer.ConfigureAwait(false);
                inFlight.Dequeue();
                Interlocked.Add(ref _tokens, scores.PromptTokens);
                for (int i = 0; i < scores.Prompts.Length; i++)
                {
                    next.Questions[i].Item.Answer(next.Questions[i].Request, scores.Prompts[i]);
                }
            }
        }
        finally
        {
            await stop.CancelAsync().ConfigureAwait(false);
            Task all = Task.WhenAll(inFlight.Select(one => one.Answer));
            await all.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Closes the connections.</summary>
    public void Dispose() => _client.Dispose();

    /// <summary>What the answers depend on besides the model.</summary>
    internal static string SettingsOf(CompletionsOptions options)
    {
        string prompts = options.Tokenizer is { } tokenizer ? $"prompts as ids of tokenizer {tokenizer.Digest}" : "prompts as text";
        return $"dialect {options.Dialect.Name}, at most {options.MaxLength} tokens, {prompts}";
    }

    private IEnumerable<Question> Draw(IEnumerable<EvaluationItem> items, Queue<OpenItem> open)
    {
        foreach (EvaluationItem item in items)
        {
            var questions = new List<Question>();
            var known = new OpenItem(item);
            foreach (ScoringRequest request in item.Requests.Distinct())
            {
                questions.AddRange(_prompts.Of(request, item.Index).Select(prompt => new Question(known, request, prompt)));
            }

            known.Unanswered = questions.Count;
            open.Enqueue(known);
            foreach (Question question in questions)
            {
                yield return question;
            }
        }
    }

    private List<Question> Take(IEnumerator<Question> questions)
    {
        var batch = new List<Question>();
        while (batch.Count < _options.BatchSize && questions.MoveNext())
        {
            batch.Add(questions.Current);
        }

        return batch;
    }

    private async Task<CompletionsAnswer.Scores> AskAsync(List<Question> questions, CancellationToken cancellation)
    {
        ApiPrompt[] prompts = [.. questions.Select(question => question.Prompt)];
        byte[] body = CompletionsBody.Write(_options.Model, _options.Dialect, prompts);
        return _answer.Read(await _client.PostAsync(body, _answer.MostBytes(prompts), cancellation).ConfigureAwait(false), prompts);
    }

    private sealed record Question(OpenItem Item, ScoringRequest Request, ApiPrompt Prompt);

    /// <summary>An item whose answers are gathered; a whole text's windows are added in their order.</summary>
    private sealed class OpenItem(EvaluationItem item)
    {
        private readonly Dictionary<ScoringRequest, RequestScore> _scores = [];

        public int Unanswered { get; set; }

        public void Answer(ScoringRequest request, RequestScore score)
        {
            Unanswered--;
            _scores[request] = _scores.TryGetValue(request, out RequestScore before)
                ? new RequestScore(
                    before.LogProbability + score.LogProbability,
                    before.IsGreedy && score.IsGreedy,
                    before.Tokens + score.Tokens,
                    before.IsCut || score.IsCut)
                : score;
        }

        public ItemScore ToScore() => new(item.Index, [.. item.Requests.Select(request => _scores[request])]);
    }
}
