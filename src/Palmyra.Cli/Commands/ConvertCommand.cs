using System.CommandLine;
using Palmyra.Checkpoints;
using Palmyra.Checkpoints.Gguf;
using Palmyra.Conversion;
using Palmyra.Diagnostics;
using Palmyra.Models;

namespace Palmyra.Cli.Commands;

/// <summary><c>palmyra convert</c>: a Hugging Face folder to a GGUF file, and back.</summary>
internal static class ConvertCommand
{
    private static readonly string[] DTypes = ["auto", "f32", "f16", "q8", "q4"];

    public static Command Create()
    {
        var source = new Argument<string>("SOURCE")
        {
            Description = "A model's folder, its id in the local Hugging Face cache, or a preset with --random; or a .gguf file.",
        };
        var target = new Argument<string>("TARGET")
        {
            Description = "A file ending in .gguf, replaced if it exists; or for a .gguf source a folder that is new or empty.",
        };
        Option<string> dtype = CommandOption.Choice(
            "--dtype", "How a .gguf file stores the matrices, q8 and q4 as Q8_0 and Q4_0; auto: as the checkpoint stores its layers; bf16 as f32.", DTypes);
        CommandOption.RequireText(source);
        CommandOption.RequireText(target);
        var random = CommandOption.Value<ulong?>("--random", "Write random weights in the shape of a preset: to measure, not to read.", "SEED");
        var json = CommandOption.Json();
        var command = new Command("convert", "Convert a GPT-2-shaped model to a GGUF file for llama.cpp, or such a file to a Hugging Face folder.")
        {
            source, target, dtype, random, json,
        };
        command.SetAction((parsed, cancellation) =>
        {
            (string from, string to) = (parsed.GetValue(source)!, parsed.GetValue(target)!);
            GgmlType? type = TypeOf(parsed.GetValue(dtype)!);
            ConversionSummary summary = (IsGguf(from), IsGguf(to), parsed.GetValue(random)) switch
            {
                (true, false, null) => Import(from, to, type, cancellation),
                (false, true, null) => Export(from, to, type, cancellation),
                (false, true, ulong seed) => ExportRandom(from, to, type ?? GgmlType.F32, seed, cancellation),
                (true, true, _) => throw new UsageException($"Both '{from}' and '{to}' end in .gguf; one of them must be a folder."),
                (true, false, _) => throw new UsageException("--random makes weights for a preset; a .gguf source has its own."),
                _ => throw new UsageException($"Neither '{from}' nor '{to}' ends in .gguf; one of them must."),
            };
            if (summary.Unused.Count > 0)
            {
                Console.Error.WriteLine($"palmyra: note: {summary.Unused.Count} tensors of the source have no use in this model and were left out.");
            }

            Report(summary, from, to, parsed.GetValue(json));
            return Task.FromResult(ExitCode.Done);
        });
        return command;
    }

    private static bool IsGguf(string path) => path.EndsWith(GgufFile.Extension, StringComparison.OrdinalIgnoreCase);

    private static ConversionSummary Import(string from, string to, GgmlType? type, CancellationToken cancellation)
    {
        if (type is not null)
        {
            throw new UsageException("--dtype is for writing .gguf; a folder gets the numbers as the file has them.");
        }

        // There is no --overwrite here: what a folder holds may be somebody's only copy.
        if (File.Exists(to) || (Directory.Exists(to) && Directory.EnumerateFileSystemEntries(to).Any()))
        {
            throw new UsageException($"'{to}' exists already; give a folder that is new or empty.");
        }

        return Terminal.WithProgress("converting", progress => GgufImport.Write(from, to, progress, cancellation));
    }

    private static ConversionSummary Export(string from, string to, GgmlType? type, CancellationToken cancellation)
    {
        using Checkpoint checkpoint = ModelOptions.OpenCheckpoint(from, "--random SEED writes random ones");
        return Terminal.WithProgress("converting", progress => GgufExport.Write(checkpoint, to, type, progress, cancellation));
    }

    private static ConversionSummary ExportRandom(string from, string to, GgmlType type, ulong seed, CancellationToken cancellation)
    {
        ModelPreset preset = ModelPresets.Find(from)
            ?? throw new UsageException(
                $"'{from}' is no preset, and --random needs one.{Nearest.Suggest(from, ModelPresets.All.Select(known => known.Name))} "
                + "'palmyra inspect --list' lists them.");
        ModelConfig config = ModelOptions.RunnableOf(preset);

        // A preset may be larger than any disk, and nothing here costs its user a download that would have told.
        long needed = type.Bytes(preset.ParameterCount / type.BlockSize() * type.BlockSize());
        string folder = Path.GetDirectoryName(Path.GetFullPath(to))!;
        long free = Directory.Exists(folder) ? new DriveInfo(folder).AvailableFreeSpace : long.MaxValue;
        if (needed > free)
        {
            throw new CheckpointException($"{preset.Name} as {type} takes {Columns.Bytes(needed)}; the disk of '{to}' has {Columns.Bytes(free)} free.");
        }

        return Terminal.WithProgress(
            "making weights", progress => GgufExport.WriteRandom(preset.Name, config, seed, to, type, progress, cancellation));
    }

    private static GgmlType? TypeOf(string word) => word switch
    {
        "f32" => GgmlType.F32,
        "f16" => GgmlType.F16,
        "q8" => GgmlType.Q8_0,
        "q4" => GgmlType.Q4_0,
        _ => null,
    };

    private static void Report(ConversionSummary summary, string from, string to, bool json)
    {
        long bytes = File.Exists(to) ? new FileInfo(to).Length : Directory.EnumerateFiles(to).Sum(file => new FileInfo(file).Length);
        if (!json)
        {
            string tokenizer = summary.HasTokenizer ? "with its tokenizer" : IsGguf(to) ? "with a made-up vocabulary" : "without a tokenizer";
            Console.Out.WriteLine(
                $"{to}: {Columns.Count(summary.Tensors)} tensors, {Columns.Count(summary.Parameters)} parameters as {summary.Type}, "
                + $"{Columns.Bytes(bytes)}, {tokenizer}");
            return;
        }

        Terminal.Json(writer =>
        {
            writer.WriteStartObject();
            writer.WriteString("source", from);
            writer.WriteString("target", to);
            writer.WriteString("type", summary.Type);
            writer.WriteNumber("tensors", summary.Tensors);
            writer.WriteNumber("n_parameters", summary.Parameters);
            writer.WriteNumber("n_vocab", summary.Vocabulary);
            writer.WriteBoolean("has_tokenizer", summary.HasTokenizer);
            writer.WriteNumber("bytes", bytes);
            writer.WriteStartArray("unused_tensors");
            foreach (string name in summary.Unused)
            {
                writer.WriteStringValue(name);
            }

            writer.WriteEndArray();
            writer.WriteEndObject();
        });
    }
}
