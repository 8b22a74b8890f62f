using System.CommandLine;
using System.Globalization;
using Palmyra.Backends;
using Palmyra.Backends.Cpu;
using Palmyra.Backends.Reference;
using Palmyra.Checkpoints;
using Palmyra.Diagnostics;
using Palmyra.Generation;
using Palmyra.Gpu;
using Palmyra.Models;
using Palmyra.Storyteller;
using Palmyra.Tokenization;

namespace Palmyra.Cli;

/// <summary>The options of every command that runs a model: which, how its matrices are stored, and where it runs.</summary>
internal sealed class ModelOptions
{
    private static readonly string[] DTypes = ["auto", "f32", "f16", "bf16", "q8", "q4"];
    private static readonly string[] CacheDTypes = ["f32", "f16", "q8"];
    private static readonly string[] Backends = ["cpu", "gpu", "auto", "reference"];

    // Before the number of a GPU; a form beside the words.
    private const string GpuPrefix = "gpu:";
    private static readonly string[] ShownBackends = ["cpu", "gpu", GpuPrefix + "N", "auto", "reference"];

    /// <summary>The model: a folder, an id in the local Hugging Face cache, or absent for the model that ships with Palmyra.</summary>
    public Option<string?> Model { get; } = new("--model", "-m")
    {
        Description = "A model's folder, or its id in the local Hugging Face cache; the storyteller that ships with Palmyra by default.",
        HelpName = "FOLDER|ID",
    };

    public Option<string> DType { get; } = CommandOption.Choice(
        "--dtype", "How matrices are stored in memory; auto keeps what the checkpoint has.", DTypes);

    /// <summary>How keys and values are stored; the commands that keep them add it.</summary>
    public Option<string> CacheDType { get; } = CommandOption.Choice(
        "--cache-dtype", "How the cache stores keys and values; f16 takes half the memory of f32, q8 about a quarter.", CacheDTypes);

    public Option<string> Backend { get; } = new("--backend")
    {
        Description = "What computes: the processor, the first GPU that can be used or the one that 'palmyra devices' numbers N, "
            + "auto for a GPU where one can be used and has room for the model and else the processor, or the plain loops that define every operation.",
        DefaultValueFactory = _ => Backends[0],
    };

    public Option<int?> Threads { get; } = new("--threads")
    {
        Description = "Threads of the cpu backend; all processors by default. Results do not depend on it.",
        HelpName = "N",
    };

    /// <summary>How a word-level vocabulary splits text, where its files do not say.</summary>
    public Option<string?> SplitRegex { get; } = CommandOption.Value<string?>(
        "--split-regex", "How a word-level vocabulary splits text, if its files do not say: its words are this expression's matches.", "REGEX");

    private readonly bool _exact;

    /// <summary>The options of a command.</summary>
    /// <param name="exact">Whether its numbers are compared with a reference's: then a GPU does not round the inputs of its products.</param>
    public ModelOptions(bool exact = false)
    {
        _exact = exact;
        CommandOption.RequireText(Model);
        CommandOption.AcceptOnly(Backend, Backends, ShownBackends, word => Backends.Contains(word) || IsGpu(word, out _), BackendHint);
        CommandOption.Between(Threads, 1, 1024);
    }

    /// <summary>Adds the options to a command.</summary>
    /// <param name="command">The command.</param>
    /// <param name="model">Whether --model and --split-regex are among them: not where the model is an argument and no text is read.</param>
    /// <param name="dtype">Whether --dtype is among them: not where a model opens as it is stored.</param>
    public void AddTo(Command command, bool model = true, bool dtype = true)
    {
        if (model)
        {
            command.Add(Model);
            command.Add(SplitRegex);
        }

        if (dtype)
        {
            command.Add(DType);
        }

        command.Add(Backend);
        command.Add(Threads);
        command.Validators.Add(result =>
        {
            if (result.GetResult(Threads) is not null && (result.GetValue(Backend) == "reference" || IsGpu(result.GetValue(Backend), out _)))
            {
                result.AddError($"--threads is for the cpu backend; found --backend {result.GetValue(Backend)}.");
            }
        });
    }

    /// <summary>Opens the model the options name.</summary>
    /// <param name="parsed">The options.</param>
    /// <param name="use">What a model of this shape will do.</param>
    /// <param name="cancellation">Stops the loading.</param>
    public LanguageModel Open(ParseResult parsed, Func<ModelConfig, ModelUse> use, CancellationToken cancellation) =>
        Open(parsed, parsed.GetValue(Model) ?? DefaultModel.Folder, use, cancellation);

    /// <summary>Opens a model as the options say.</summary>
    /// <param name="parsed">The options.</param>
    /// <param name="folderOrId">The model.</param>
    /// <param name="use">What a model of this shape will do.</param>
    /// <param name="cancellation">Stops the loading.</param>
    /// <param name="usual">How matrices are stored where --dtype does not say; null for the checkpoint's own.</param>
    public LanguageModel Open(
        ParseResult parsed, string folderOrId, Func<ModelConfig, ModelUse> use, CancellationToken cancellation, MatrixFormat? usual = null)
    {
        try
        {
            IBackend backend = MayUseGpu(parsed) ? CreateBackendFor(parsed, folderOrId, use, usual) : CreateBackend(parsed);
            LanguageModel model = Terminal.WithProgress("loading", progress => LanguageModel.Open(
                folderOrId,
                new LanguageModelOptions
                {
                    Backend = backend,
                    Format = Format(parsed) ?? usual,
                    Tokenizer = TokenizerOptions(parsed),
                    Progress = progress,
                },
                cancellation));
            if (model.UnexpectedTensors.Count > 0)
            {
                Console.Error.WriteLine(
                    $"palmyra: note: {model.UnexpectedTensors.Count} tensors of the checkpoint are not used ('palmyra inspect' names them).");
            }

            return model;
        }
        catch (CheckpointException) when (IsPreset(folderOrId))
        {
            throw new UsageException(WithoutWeights(folderOrId));
        }
    }

    /// <summary>Opens a model's folder, without its weights.</summary>
    /// <param name="folderOrId">The folder, or an id; a cached model of a preset's name is that model.</param>
    /// <param name="advice">What to do instead where it names a preset and nothing else.</param>
    public static Checkpoint OpenCheckpoint(string folderOrId, string? advice = null)
    {
        try
        {
            return Checkpoint.Open(folderOrId);
        }
        catch (CheckpointException) when (IsPreset(folderOrId))
        {
            throw new UsageException(WithoutWeights(folderOrId, advice));
        }
    }

    /// <summary>What runs under a preset's name; refused where nothing does.</summary>
    public static ModelConfig RunnableOf(ModelPreset preset) =>
        preset.Runnable ?? throw new UsageException($"{preset.Name} cannot be run. {preset.Note}");

    /// <summary>The backend the options name; the caller disposes it.</summary>
    /// <exception cref="BackendException">It is a GPU, and cannot be used.</exception>
    public IBackend CreateBackend(ParseResult parsed) => parsed.GetValue(Backend) switch
    {
        "reference" => new CheckedBackend(new ReferenceBackend()),
        string word when IsGpu(word, out int? index) => OpenGpu(index),
        "auto" when TryOpenGpu() is IBackend gpu => gpu,
        _ => CreateCpu(parsed),
    };

    /// <summary>The backend if the model has room on it; with --backend auto the processor where it has none. The caller disposes it.</summary>
    /// <param name="parsed">The options.</param>
    /// <param name="backend">What <see cref="CreateBackend"/> made; disposed where it is not the one returned.</param>
    /// <param name="config">The model's shape.</param>
    /// <param name="stored">How its checkpoint stores a matrix; null for a model that has none.</param>
    /// <param name="format">How its matrices are to be stored; null for the checkpoint's own.</param>
    /// <param name="use">What the model will do.</param>
    /// <exception cref="BackendException">It is a GPU that has no room for the model, and was asked for.</exception>
    public IBackend WithRoom(
        ParseResult parsed, IBackend backend, ModelConfig config, Func<MatrixEntries, MatrixFormat>? stored, MatrixFormat? format, ModelUse use) =>
        GpuChoice.WithRoom(
            backend, config, stored, format, CacheFormat(parsed), use, parsed.GetValue(Backend) == "auto" ? () => CreateCpu(parsed) : null);

    private IBackend CreateCpu(ParseResult parsed) => new CheckedBackend(new CpuBackend(new CpuOptions { Threads = ThreadCount(parsed) }));

    // Methods of their own: Palmyra.Gpu is loaded where they run and nowhere else.
    private IBackend OpenGpu(int? index) => GpuChoice.Open(index, new GpuOptions { ExactProducts = _exact });

    private IBackend? TryOpenGpu() => GpuChoice.TryOpen(new GpuOptions { ExactProducts = _exact });

    /// <summary>Whether the options may name a GPU.</summary>
    public bool MayUseGpu(ParseResult parsed) => parsed.GetValue(Backend) == "auto" || IsGpu(parsed.GetValue(Backend), out _);

    // "gpu" is the first that can be used, "gpu:1" that of number 1.
    private static bool IsGpu(string? word, out int? index)
    {
        bool numbered = int.TryParse(
            word is not null && word.StartsWith(GpuPrefix, StringComparison.Ordinal) ? word.AsSpan(GpuPrefix.Length) : [],
            NumberStyles.None,
            CultureInfo.InvariantCulture,
            out int number);
        index = numbered ? number : null;
        return numbered || word == "gpu";
    }

    // gpu0, GPU:0 and "gpu: 0" want the GPU of that number; what begins like one and has no number is told what a number is.
    private static string BackendHint(string word)
    {
        const string Gpu = "gpu";
        if (!word.StartsWith(Gpu, StringComparison.OrdinalIgnoreCase) || word.Length == Gpu.Length)
        {
            return Nearest.Suggest(word, Backends);
        }

        string meant = GpuPrefix + word[Gpu.Length..].TrimStart(':', ' ');
        return IsGpu(meant, out _) ? $" Did you mean '{meant}'?" : " N is a GPU's number, which 'palmyra devices' tells.";
    }

    // What costs least comes first: the folder's own faults, then the device, then its room; loading takes minutes for a large model.
    private IBackend CreateBackendFor(ParseResult parsed, string folderOrId, Func<ModelConfig, ModelUse> useOf, MatrixFormat? usual)
    {
        using Checkpoint checkpoint = Checkpoint.Open(folderOrId);
        ModelConfig config = ModelConfigReader.ReadFile(checkpoint.ConfigPath);
        var weights = new CheckpointWeights(config, checkpoint.Tensors, checkpoint.Folder);
        ModelUse use = useOf(config);
        if (use.Tokenizes)
        {
            _ = GptTokenizer.Open(checkpoint.Folder, TokenizerOptions(parsed));
        }

        if (use.Generates)
        {
            _ = GenerationOptionsReader.ReadDirectory(checkpoint.Folder);
        }

        return WithRoom(parsed, CreateBackend(parsed), config, weights.StoredFormat, Format(parsed) ?? usual, use);
    }

    private TokenizerOptions TokenizerOptions(ParseResult parsed) => new() { SplitPattern = parsed.GetValue(SplitRegex) };

    /// <summary>The threads of the cpu backend.</summary>
    public int ThreadCount(ParseResult parsed) => parsed.GetValue(Threads) ?? Environment.ProcessorCount;

    /// <summary>The cache format the options name.</summary>
    public CacheFormat CacheFormat(ParseResult parsed) => parsed.GetValue(CacheDType) switch
    {
        "f16" => Palmyra.Backends.CacheFormat.F16,
        "q8" => Palmyra.Backends.CacheFormat.Q8,
        _ => Palmyra.Backends.CacheFormat.F32,
    };

    /// <summary>The format the options name; null for the checkpoint's own.</summary>
    public MatrixFormat? Format(ParseResult parsed) => FormatOf(parsed.GetValue(DType));

    /// <summary>The format a word of --dtype means; null for the checkpoint's own.</summary>
    public static MatrixFormat? FormatOf(string? word) => word switch
    {
        "f32" => MatrixFormat.F32,
        "f16" => MatrixFormat.F16,
        "bf16" => MatrixFormat.BF16,
        "q8" => MatrixFormat.Q8,
        "q4" => MatrixFormat.Q4,
        _ => null,
    };

    private static bool IsPreset(string name) => !Path.Exists(name) && ModelPresets.Find(name) is not null;

    private static string WithoutWeights(string preset, string? advice = null) =>
        $"'{preset}' names a preset, which has a shape but no weights; "
        + $"{advice ?? "give the folder of a checkpoint (inspect and bench take presets)"}.";
}
