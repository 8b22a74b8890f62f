using System.Diagnostics;
using System.Security.Cryptography;
using System.Threading.Channels;
using Palmyra.Backends;
using Palmyra.Diagnostics;
using Palmyra.Generation.Sampling;
using Palmyra.Models;

namespace Palmyra.Generation;

/// <summary>A request at work: its limits, its open sequences, and where its results go.</summary>
internal abstract class GenerationJob
{
    private const long DefaultNewTokens = 20;

    private readonly List<Sequence> _open = [];
    private readonly Func<ITokenDecoder>? _decoder;
    private long _started;

    /// <summary>Checks a request against the model.</summary>
    /// <exception cref="GenerationException">The request cannot be carried out.</exception>
    protected GenerationJob(GenerationRequest request, ModelConfig config, Func<ITokenDecoder>? decoder, CancellationToken cancellation)
    {
        Options = request.Options.Validate(config, decoder is not null);
        Cancellation = cancellation;
        _decoder = decoder;
        EndTokens = [.. Options.EosTokenIds ?? config.EosTokenIds];
        Prompt = request.Prompt.Count > 0
            ? [.. request.Prompt]
            : [Options.BosTokenId ?? config.BosTokenId ?? throw new GenerationException(
                "The prompt is empty and the model names no bos_token_id; give at least one token.")];
        foreach (int id in Prompt)
        {
            if ((uint)id >= (uint)config.VocabularySize)
            {
                throw new GenerationException(
                    $"The prompt holds token {id}, outside the vocabulary of {config.VocabularySize}; is the tokenizer that of this model?");
            }
        }

        MaxLength = LargestLength(config.ContextLength);
        Pipeline = new LogitsPipeline(Options, EndTokens);
        Seed = Options.DoSample ? Options.Seed ?? BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(8)) : null;
    }

    public GenerationOptions Options { get; }

    public CancellationToken Cancellation { get; }

    public int[] Prompt { get; }

    public int PromptLength => Prompt.Length;

    /// <summary>Prompt and new tokens together at most.</summary>
    public int MaxLength { get; }

    public int[] EndTokens { get; }

    public ulong? Seed { get; }

    /// <summary>Sequences that wait for logits.</summary>
    public List<Sequence> Open => _open;

    /// <summary>Sequences open at a time, at most.</summary>
    public abstract int Width { get; }

    /// <summary>
    /// How many of a row's largest logits it can do with, from 1 to the vocabulary and <see cref="IBackend.MostTop"/>; null if it needs
    /// all.
    /// </summary>
    public virtual int? Largest => null;

    /// <summary>Pages set aside for it.</summary>
    public long ReservedPages { get; set; }

    /// <summary>What awaits the results.</summary>
    public TaskCompletionSource<IReadOnlyList<GeneratedSequence>> Completion { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Where tokens go as they come, or null.</summary>
    public ChannelWriter<GeneratedToken>? Stream { get; init; }

    protected LogitsPipeline Pipeline { get; }

    protected LogitsContext Context => new(PromptLength, MaxLength);

    protected bool TimeIsUp => Options.MaxTime is { } limit && Stopwatch.GetElapsedTime(_started) > limit;

    /// <summary>The job a request's options call for.</summary>
    public static GenerationJob Create(
        GenerationRequest request,
        ModelConfig config,
        Func<ITokenDecoder>? decoder,
        ChannelWriter<GeneratedToken>? stream,
        CancellationToken cancellation) =>
        request.Options.NumBeams > 1
            ? new BeamJob(request, config, decoder, cancellation) { Stream = stream }
            : new SamplingJob(request, config, decoder, cancellation) { Stream = stream };

    /// <summary>Opens the prompt.</summary>
    public void Start()
    {
        _started = Stopwatch.GetTimestamp();
        _open.Add(First());
    }

    /// <summary>
    /// Whether the largest logits are enough for a row after all: not if ties may go on beyond them, nor if one is no number, which the
    /// whole row tells more of.
    /// </summary>
    /// <param name="largest"><see cref="Largest"/> or more of them.</param>
    public bool IsEnough(LargestLogits largest) => float.IsFinite(largest.Values[0]) && Pipeline.DecideAlone(largest.Values[..Pipeline.Reach!.Value]);

    /// <summary>Takes the logits after an open sequence's last token and moves on; may open and close sequences.</summary>
    /// <param name="sequence">One of <see cref="Open"/>.</param>
    /// <param name="next">All, or the largest if those are enough.</param>
    /// <param name="pool">Where pages go.</param>
    public abstract void Advance(Sequence sequence, NextLogits next, PagePool pool);

    /// <summary>Gives all pages back.</summary>
    public void CloseAll(PagePool pool)
    {
        _open.ForEach(sequence => sequence.ReturnPages(pool));
        _open.Clear();
    }

    /// <summary>Tells whoever waits that it is over: with results, an error, or cancelled.</summary>
    public void Complete(Exception? error)
    {
        if (error is OperationCanceledException)
        {
            Completion.TrySetCanceled(Cancellation);
        }
        else if (error is not null)
        {
            Completion.TrySetException(error);
        }
        else
        {
            Completion.TrySetResult(Results());
        }

        Stream?.TryComplete(error);
    }

    protected abstract Sequence First();

    protected abstract IReadOnlyList<GeneratedSequence> Results();

    protected void Add(Sequence sequence) => _open.Add(sequence);

    protected void Close(Sequence sequence, PagePool pool)
    {
        sequence.ReturnPages(pool);
        _open.Remove(sequence);
    }

    protected StopMatcher? NewText() => _decoder is null ? null : new StopMatcher(_decoder(), Options.StopStrings);

    private int LargestLength(int context)
    {
        bool slides = Options.ContextOverflow == ContextOverflow.SlidingWindow;
        if (!slides && PromptLength >= context)
        {
            throw new GenerationException(
                $"The prompt of {PromptLength} tokens fills the model's context of {context}; "
                    + $"shorten it to at most {context - 1}, or choose the sliding window.");
        }

        long room = slides ? int.MaxValue : context;
        long length = Options.MaxNewTokens is { } added
            ? (long)PromptLength + added
            : Options.MaxLength ?? Math.Min(PromptLength + DefaultNewTokens, room);
        if (length > room)
        {
            throw new GenerationException(
                slides || Options.MaxNewTokens is null
                    ? $"max_length = {length} exceeds the model's context of {room}; lower it, or choose the sliding window."
                    : $"The prompt of {PromptLength} tokens and max_new_tokens = {Options.MaxNewTokens} exceed the model's context of {context}; "
                        + $"ask for at most {context - PromptLength} new tokens, shorten the prompt, or choose the sliding window.");
        }

        if (PromptLength >= length)
        {
            throw new GenerationException(
                $"The prompt of {PromptLength} tokens leaves nothing to generate up to max_length = {length}; raise it, or set max_new_tokens.");
        }

        if (Options.MinLength > length || Options.MinNewTokens > length - PromptLength)
        {
            throw new GenerationException(
                $"min_length = {Options.MinLength} or min_new_tokens = {Options.MinNewTokens} cannot be reached "
                    + $"with {PromptLength} prompt tokens and {length} in all; raise max_new_tokens.");
        }

        return (int)length;
    }
}
