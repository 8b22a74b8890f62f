using System.CommandLine;
using System.Text.Json;
using Palmyra.Backends;
using Palmyra.Benchmarks.Models;
using Palmyra.Benchmarks.Results;
using Palmyra.Diagnostics;
using Palmyra.Evaluation.Speed;

namespace Palmyra.Benchmarks.Peers;

/// <summary>
/// <c>turns</c>: measures GPT-2 124M once for every line it is sent, so that a peer in another process can take its turn in between, seconds
/// apart. Says one line of JSON when it is ready, and one a turn.
/// </summary>
internal static class TurnsCommand
{
    private const int ShortPrompt = 8;
    private const int Prompt = 512;

    /// <summary>The command.</summary>
    public static Command Create()
    {
        var format = new Option<MatrixFormat>("--dtype") { Description = "How matrices are stored.", HelpName = "F32|F16|BF16|Q8|Q4" };
        var threads = new Option<int>("--threads") { Description = "Threads.", DefaultValueFactory = _ => 1, HelpName = "N" };
        var decode = new Option<int>("--decode-tokens") { Description = "Tokens decoded a turn.", DefaultValueFactory = _ => 64, HelpName = "N" };
        var command = new Command("turns", "Measure gpt2 once for every line of input, for tools/compare-llama-cpp.") { format, threads, decode };
        command.SetAction(parsed => Run(parsed.GetValue(format), parsed.GetValue(threads), parsed.GetValue(decode)));
        return command;
    }

    // By now the load is our own: the warm-up's, and that of whatever was measured before.
    private static Machine Quiet => Machine.Current with { Load = null };

    private static void Run(MatrixFormat format, int threads, int tokens)
    {
        try
        {
            using var model = new RandomModel("gpt2", format, threads);
            using var atOnce = new SpeedMeasurement(model.Transformer, ShortPrompt, tokens, CacheFormat.F32);
            using var later = new SpeedMeasurement(model.Transformer, Prompt, tokens, CacheFormat.F32);

            // Twice, because the runtime compiles hot loops anew in the first moments of a process.
            Take();
            Take();
            Say(new { Ready = true, Machine = Quiet });
            while (Console.ReadLine() is not null)
            {
                Say(Take());
            }

            object Take()
            {
                atOnce.Prefill();
                double decodeAtOnce = atOnce.Decode(tokens);
                double prefill = later.Prefill();
                double decodeLater = later.Decode(tokens);
                return new { Prefill = Prompt / prefill, Decode = tokens / decodeAtOnce, DecodeLater = tokens / decodeLater };
            }
        }
        catch (BackendException error)
        {
            Say(new { Error = error.Message, Machine = Quiet });
        }
    }

    private static void Say(object value) => Console.WriteLine(JsonSerializer.Serialize(value, JsonSerializerOptions.Web));
}
