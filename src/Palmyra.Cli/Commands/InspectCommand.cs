using System.CommandLine;
using Palmyra.Backends;
using Palmyra.Checkpoints;
using Palmyra.Diagnostics;
using Palmyra.Models;
using Palmyra.Storyteller;

namespace Palmyra.Cli.Commands;

/// <summary><c>palmyra inspect</c>: what a model is and what it costs, from its shapes; no weight is loaded.</summary>
internal static class InspectCommand
{
    public static Command Create()
    {
        var model = new Argument<string?>("MODEL")
        {
            Description = "A model's folder, its id in the local Hugging Face cache, or a preset; the storyteller by default.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        CommandOption.RequireText(model);
        var list = CommandOption.Flag("--list", "List the presets, or with MODEL its tensors.");
        var memory = CommandOption.Flag("--memory", "Show what running it takes, here and on a GPU: weights in each format, loading, cache, working rows, and the card to hold them.");
        var json = CommandOption.Json();
        var options = new ModelOptions();
        var command = new Command("inspect", "Show a model's hyper-parameters, parameter count, memory and FLOPs a token.")
        {
            model, list, memory, options.DType, json,
        };
        command.Validators.Add(result =>
        {
            if (result.GetValue(list) && result.GetValue(memory))
            {
                result.AddError("Give --list or --memory, not both.");
            }
            else if (result.GetResult(options.DType) is { Implicit: false } && !result.GetValue(memory))
            {
                result.AddError("--dtype is for --memory; the card lists every format.");
            }
        });
        command.SetAction(parsed =>
        {
            string? name = parsed.GetValue(model);
            return parsed.GetValue(memory)
                ? ShowMemory(name ?? DefaultModel.Folder, options.Format(parsed), parsed.GetValue(json))
                : Run(name, parsed.GetValue(list), parsed.GetValue(json));
        });
        return command;
    }

    private static int Run(string? name, bool list, bool json)
    {
        if (name is null && list)
        {
            ListPresets(json);
            return ExitCode.Done;
        }

        using InspectedModel model = Find(name ?? DefaultModel.Folder);
        if (list)
        {
            ListTensors(model, json);
        }
        else if (json)
        {
            Terminal.Json(new InspectReport(model).WriteJson);
        }
        else
        {
            new InspectReport(model).WriteText(Console.Out);
        }

        return ExitCode.Done;
    }

    private static int ShowMemory(string name, MatrixFormat? format, bool json)
    {
        using InspectedModel model = Find(name);
        var card = new MemoryCard(model, format);
        if (json)
        {
            Terminal.Json(card.WriteJson);
        }
        else
        {
            card.WriteText(Console.Out);
        }

        return ExitCode.Done;
    }

    private static InspectedModel Find(string name)
    {
        if (!Path.Exists(name) && ModelPresets.Find(name) is ModelPreset preset)
        {
            return new InspectedModel(preset);
        }

        try
        {
            return new InspectedModel(Checkpoint.Open(name));
        }
        catch (CheckpointException) when (!Path.Exists(name) && Nearest.Suggest(name, ModelPresets.All.Select(known => known.Name)) is { Length: > 0 } hint)
        {
            throw new UsageException($"'{name}' is no folder, no model in the Hugging Face cache and no preset.{hint}");
        }
    }

    private static void ListPresets(bool json)
    {
        if (json)
        {
            foreach (ModelPreset preset in ModelPresets.All)
            {
                using var model = new InspectedModel(preset);
                Terminal.Json(new InspectReport(model).WriteJson);
            }

            return;
        }

        Columns.Write(Console.Out, "lrrrrrrrr", ModelPresets.All
            .Select(preset => new[]
            {
                preset.Name,
                Columns.Count(preset.ParameterCount),
                Columns.Count(preset.Published.Layers),
                Columns.Count(preset.Published.Width),
                Columns.Count(preset.Published.Heads),
                Columns.Count(preset.PublishedHeadDim),
                Columns.Count(preset.Published.HiddenWidth),
                Columns.Count(preset.Published.ContextLength),
                Columns.Count(preset.Published.VocabularySize),
            })
            .Prepend(["preset", "parameters", "layers", "width", "heads", "head", "hidden", "context", "vocabulary"]));
    }

    private static void ListTensors(InspectedModel model, bool json)
    {
        if (json)
        {
            foreach ((string name, IReadOnlyList<long> shape, string type) in model.Tensors)
            {
                Terminal.Json(writer =>
                {
                    writer.WriteStartObject();
                    writer.WriteString("name", name);
                    writer.WriteString("type", type);
                    writer.WriteStartArray("shape");
                    foreach (long dimension in shape)
                    {
                        writer.WriteNumberValue(dimension);
                    }

                    writer.WriteEndArray();
                    writer.WriteEndObject();
                });
            }

            return;
        }

        Columns.Write(Console.Out, "llr", model.Tensors.Select(tensor =>
            new[] { tensor.Name, tensor.Type, string.Join(" x ", tensor.Shape) }));
    }
}
