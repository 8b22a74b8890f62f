using System.CommandLine;
using System.Diagnostics;
using Palmyra.Backends;
using Palmyra.Diagnostics;
using Palmyra.Evaluation.Speed;
using Palmyra.Models;
using Palmyra.Storyteller;

namespace Palmyra.Cli.Commands;

/// <summary><c>palmyra bench</c>: speed of prefill and decode, beside what the machine can do in the same seconds.</summary>
internal static class BenchCommand
{
    private const int DefaultPrompt = 512;
    private const int DefaultDecode = 128;

    public static Command Create()
    {
        var model = new Argument<string?>("MODEL")
        {
            Description = "A model's folder or id; the storyteller by default.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        CommandOption.RequireText(model);
        var preset = CommandOption.Value<string?>("--preset", "Measure the shape of a preset, with random weights.", "NAME");
        var prompt = CommandOption.Value<int?>(
            "--prompt-tokens", $"Tokens of the prompt; {DefaultPrompt}, or what the context leaves.", "N");
        var decode = CommandOption.Value<int?>(
            "--decode-tokens", $"Tokens decoded after it; {DefaultDecode}, or a quarter of the context.", "N");
        var rounds = new Option<int>("--rounds")
        {
            Description = "Rounds of measurements, at least 5; medians are reported.",
            DefaultValueFactory = _ => 5,
            HelpName = "N",
        };
        var json = CommandOption.Json();
        var options = new ModelOptions();
        var command = new Command(
            "bench",
            "Measure prefill and decode, as shares of the memory bandwidth and arithmetic peak of what runs them, measured in turn with them.")
        {
            model, preset, prompt, decode, rounds, json,
        };
        options.AddTo(command, model: false);
        command.Add(options.CacheDType);
        command.SetAction((parsed, cancellation) =>
        {
            if (parsed.GetValue(rounds) is < 5 or > 1000)
            {
                throw new UsageException($"--rounds was expected to be 5 to 1000; found {parsed.GetValue(rounds)}.");
            }

            ModelPreset? shape = PresetOf(parsed.GetValue(preset), parsed.GetValue(model));
            long start = Stopwatch.GetTimestamp();
            using OpenedModel opened = shape is null
                ? new OpenedModel(options.Open(parsed, parsed.GetValue(model) ?? DefaultModel.Folder, UseOf, cancellation))
                : new OpenedModel(Random(shape, options, parsed, UseOf, cancellation));
            double load = Stopwatch.GetElapsedTime(start).TotalSeconds;
            (int promptTokens, int decodeTokens) = TokensOf(opened.Transformer.Config);
            int threads = parsed.GetValue(options.Backend) == "reference" ? 1 : options.ThreadCount(parsed);
            bool mayUseGpu = options.MayUseGpu(parsed);
            IBackend backend = opened.Transformer.Backend;
            using var measurement = new SpeedMeasurement(opened.Transformer, promptTokens, decodeTokens, options.CacheFormat(parsed));
            using ISpeedLimits limits = (mayUseGpu ? GpuChoice.LimitsOf(backend) : null) ?? new CpuSpeedLimits(threads);
            int count = parsed.GetValue(rounds);
            SpeedResult result = measurement.Run(limits, count, round => Terminal.Note($"round {round} of {count}"), cancellation);

            // Once more and untimed: the rounds' own count has prompts in it.
            StepCount? steps = mayUseGpu
                ? GpuChoice.CountSteps(backend, decodeTokens, () => measurement.Decode(decodeTokens, cancellation))
                : null;
            var report = new SpeedReport(opened.Name, opened.Transformer, load, result, limits, steps);
            if (parsed.GetValue(json))
            {
                Terminal.Json(report.WriteJson);
            }
            else
            {
                report.WriteText(Console.Out);
            }

            return Task.FromResult(ExitCode.Done);

            ModelUse UseOf(ModelConfig config)
            {
                (int prompted, int decoded) = TokensOf(config);
                return new ModelUse { Rows = prompted, MeasuredTokens = prompted + decoded };
            }

            (int Prompt, int Decode) TokensOf(ModelConfig config)
            {
                int context = config.ContextLength;
                int decoded = parsed.GetValue(decode) ?? Math.Min(DefaultDecode, context / 4);
                int prompted = parsed.GetValue(prompt) ?? Math.Min(DefaultPrompt, Math.Max(1, context - decoded));
                return prompted >= 1 && decoded >= 1 && prompted <= context - decoded
                    ? (prompted, decoded)
                    : throw new UsageException(
                        $"--prompt-tokens and --decode-tokens were expected to be positive and at most {context} together, "
                        + $"the model's context; found {prompted} and {decoded}.");
            }
        });
        return command;
    }

    private static ModelPreset? PresetOf(string? preset, string? model)
    {
        if (preset is not null && model is not null)
        {
            throw new UsageException("Give a model or --preset, not both.");
        }

        string? name = preset ?? (model is not null && !Path.Exists(model) && ModelPresets.Find(model) is not null ? model : null);
        if (name is null)
        {
            return null;
        }

        ModelPreset found = ModelPresets.Find(name)
            ?? throw new UsageException(
                $"'{name}' is no preset.{Nearest.Suggest(name, ModelPresets.All.Select(known => known.Name))} 'palmyra inspect --list' lists them.");
        _ = ModelOptions.RunnableOf(found);
        return found;
    }

    private static (string Name, Transformer Transformer) Random(
        ModelPreset preset, ModelOptions options, ParseResult parsed, Func<ModelConfig, ModelUse> useOf, CancellationToken cancellation)
    {
        MatrixFormat format = options.Format(parsed) ?? MatrixFormat.F32;
        ModelConfig config = ModelOptions.RunnableOf(preset);
        ModelUse use = useOf(config);
        IBackend backend = options.CreateBackend(parsed);
        backend = options.MayUseGpu(parsed) ? options.WithRoom(parsed, backend, config, stored: null, format, use) : backend;
        try
        {
            bool onHost = !(options.MayUseGpu(parsed) && GpuChoice.IsGpu(backend));
            if (HostShortage(preset.Name, config, onHost ? format : null, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes) is string shortage)
            {
                throw new BackendException(shortage);
            }

            var weights = new RandomWeights(config, seed: 1);
            Transformer transformer = Terminal.WithProgress(
                "making weights", progress => TransformerLoader.Load(config, backend, format, weights.View, progress, cancellation));
            return (preset.Name, transformer);
        }
        catch
        {
            backend.Dispose();
            throw;
        }
    }

    /// <summary>Why this machine's own memory does not do for random weights, a sentence; null if it does.</summary>
    /// <remarks>They pass through it matrix by matrix, as 32-bit numbers; only those of the processor stay there.</remarks>
    /// <param name="name">The preset's name.</param>
    /// <param name="config">Its shape.</param>
    /// <param name="kept">How weights are stored that stay there; null if they go to a GPU.</param>
    /// <param name="available">The memory.</param>
    internal static string? HostShortage(string name, ModelConfig config, MatrixFormat? kept, long available)
    {
        (long needed, string stored, string purpose) = kept is MatrixFormat format
            ? (new ModelSize(config).WeightBytes(format), $" in {format.ToString().ToLowerInvariant()}", "for its weights")
            : (new WeightMap(config).Matrices.Max(matrix => (long)matrix.Rows * matrix.Cols * sizeof(float)), string.Empty, "to make its largest matrix");
        string advice = kept is null or MatrixFormat.Q4 ? "Choose a smaller preset." : "Choose a smaller preset or a narrower --dtype.";
        return needed <= available
            ? null
            : $"{name}{stored} needs {Columns.Bytes(needed)} {purpose}; this machine has {Columns.Bytes(available)}. {advice}";
    }

    private sealed class OpenedModel : IDisposable
    {
        private readonly LanguageModel? _model;

        public OpenedModel(LanguageModel model)
        {
            _model = model;
            (Name, Transformer) = (Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(model.Folder))), model.Transformer);
        }

        public OpenedModel((string Name, Transformer Transformer) random) => (Name, Transformer) = random;

        public string Name { get; }

        public Transformer Transformer { get; }

        public void Dispose()
        {
            if (_model is not null)
            {
                _model.Dispose();
                return;
            }

            Transformer.Dispose();
            Transformer.Backend.Dispose();
        }
    }
}
