using System.Globalization;
using System.Text.Json;
using Palmyra.Backends;
using Palmyra.Backends.Cpu;
using Palmyra.Backends.Reference;
using Palmyra.Evaluation;
using Palmyra.Tests.Evaluation.Tasks;
using Xunit.Abstractions;

namespace Palmyra.Tests.Evaluation.Naive;

/// <summary>The evaluator's numbers are those of the deliberately naive code beside this file, which shares nothing with it.</summary>
public sealed class NaiveAgreementTests(ITestOutputHelper output)
{
    private const string AllTasks = "lambada_openai lambada_openai_cloze winogrande hellaswag piqa wikitext";

    // Letters of the texts here that mtj's repair changes.
    private static readonly char[] Repaired = ['“', '”', '’', '\u00a0', '\u001f'];

    [Theory]
    [InlineData("gptj", 44, "today", 512, AllTasks)]
    [InlineData("gptj", 44, "2021", NaiveTokenizer.VocabularySize, AllTasks)]
    [InlineData("gptj", 44, "mtj", 512, AllTasks)]
    [InlineData("gpt2", 128, "today", 512, "lambada_openai hellaswag wikitext")]
    [InlineData("gpt-neo", 128, "2021", 512, "lambada_openai piqa wikitext")]
    public async Task Every_task_agrees_with_the_naive_computation(string model, int context, string protocol, int vocabulary, string tasks)
    {
        EvaluationProtocol real = EvaluationProtocol.Find(protocol)! with { VocabularyLimit = vocabulary == 512 ? null : vocabulary };
        using var folder = new NaiveFolder(model, context);
        var naive = new NaiveEvaluation(new NaiveModel(folder.Root, protocol == "mtj"), protocol, vocabulary);
        using LanguageModel fast = folder.Open(new CpuBackend(), real);
        using LanguageModel plain = folder.Open(new ReferenceBackend(), real);
        foreach (string task in tasks.Split(' '))
        {
            int cut = naive.Cut;
            // mtj straightens curly quotes, which is a table and no formula; the items with any are left out.
            string data = protocol == "mtj" && task.StartsWith("lambada", StringComparison.Ordinal)
                ? folder.Data(task, lines => lines.Where(line => line.IndexOfAny(Repaired) < 0))
                : folder.Data(task);
            await Compare(folder, [fast, plain], real, naive, task, data, fewShot: 0);
            Assert.True(model != "gptj" || task == "wikitext" || naive.Cut > cut, "No item was longer than the context.");
        }

        await Compare(folder, [fast], real, naive, "piqa", folder.Data("piqa"), fewShot: 2);
    }

    [Theory]
    [InlineData("today")]
    [InlineData("2021")]
    [InlineData("mtj")]
    public async Task Hard_boundaries_and_right_guesses_agree(string protocol)
    {
        EvaluationProtocol real = EvaluationProtocol.Find(protocol)! with { VocabularyLimit = null };
        using var folder = new NaiveFolder("gptj", 44);
        var naive = new NaiveEvaluation(new NaiveModel(folder.Root, protocol == "mtj"), protocol, 512);
        List<string> texts =
        [
            " word", "a  word", "a\n word", "said:\n\n word", "a\u00a0 word", "a\u001f word", "a \t word",
            "a it's", "a 's", "a “so”", "a naïve", "a 2nd", "a ?\"", "a ,",
        ];
        if (protocol == "mtj")
        {
            texts.RemoveAll(text => text.IndexOfAny(Repaired) >= 0);
        }

        // Texts that end as the model would have them end, so that some answers are greedy.
        int hard = texts.Count;
        foreach (string record in File.ReadAllLines(folder.Data("lambada_openai")))
        {
            string[] words = JsonDocument.Parse(record).RootElement.GetProperty("text").GetString()!.Split(' ', 12);
            foreach (string start in Enumerable.Range(1, words.Length - 1).Select(count => string.Join(' ', words[..count]).TrimEnd()))
            {
                if (NaiveTokenizer.Word(naive.Next(start)) is string word && start.All(letter => letter is >= ' ' and <= '~'))
                {
                    texts.Add(start + word);
                }
            }
        }

        Assert.True(texts.Count > hard + 5, "The model guesses no words.");
        File.WriteAllLines(folder["hard.jsonl"], texts.Select(text => $"{{\"text\":{TaskFile.Json(text)}}}"));
        using LanguageModel fast = folder.Open(new CpuBackend(), real);
        List<List<NaiveScore>> scores = await Compare(folder, [fast], real, naive, "lambada_openai", folder["hard.jsonl"], fewShot: 0);
        Assert.All(scores[hard..], item => Assert.True(item[0].IsGreedy));

        // A text whose context ends in a blank tells joint from separate encoding.
        if (protocol != "mtj")
        {
            var other = new NaiveEvaluation(new NaiveModel(folder.Root, false), protocol == "2021" ? "today" : "2021", 512);
            Assert.NotEqual(other.Score(NaiveTasks.Read("lambada_openai", folder["hard.jsonl"])), scores);
        }
    }

    [Theory]
    [InlineData("today", false)]
    [InlineData("2021", false)]
    [InlineData("mtj", true)]
    public async Task A_tie_with_a_lower_id_is_greedy_as_the_protocol_says(string protocol, bool isGreedy)
    {
        EvaluationProtocol real = EvaluationProtocol.Find(protocol)!;
        using var folder = new NaiveFolder("gptj");
        var untied = new NaiveEvaluation(new NaiveModel(folder.Root, protocol == "mtj"), protocol, 512);
        string[] starts = [.. Enumerable.Range('a', 26).SelectMany(letter => new[] { $"{(char)letter}", $"the {(char)letter}" })];
        string start = starts.First(text => NaiveTokenizer.Word(untied.Next(text)) is not null);
        int token = untied.Next(start);
        File.WriteAllText(folder["tie.jsonl"], $"{{\"text\":\"{start}{NaiveTokenizer.Word(token)}\"}}\n");

        // Token 0 is a byte that no text here has.
        folder.CopyLogit(token, 0);
        var naive = new NaiveEvaluation(new NaiveModel(folder.Root, protocol == "mtj"), protocol, 512);
        NaiveScore expected = naive.Score(NaiveTasks.Read("lambada_openai", folder["tie.jsonl"]))[0][0];
        Assert.Equal((isGreedy, 1), (expected.IsGreedy, expected.Tokens));
        foreach (IBackend backend in new IBackend[] { new CpuBackend(), new ReferenceBackend() })
        {
            using LanguageModel model = folder.Open(backend, real);
            NaiveScore found = (await folder.Run(model, real, "lambada_openai", folder["tie.jsonl"])).Scores()[0][0];
            Assert.Equal((expected.IsGreedy, expected.Tokens), (found.IsGreedy, found.Tokens));
            Assert.Equal(expected.LogProbability, found.LogProbability, 1e-4);
        }
    }

    private async Task<List<List<NaiveScore>>> Compare(
        NaiveFolder folder, LanguageModel[] models, EvaluationProtocol protocol, NaiveEvaluation naive, string task, string data, int fewShot)
    {
        List<NaiveItem> items = NaiveTasks.Read(task, data);
        items = fewShot == 0 ? items : NaiveTasks.WithTwoExamples(items, shuffled: protocol.ShuffleSeed is not null);
        List<List<NaiveScore>> expected = naive.Score(items);
        Dictionary<string, (double Value, double? Error)> metrics = NaiveEvaluation.Metrics(items, expected);
        foreach (LanguageModel model in models)
        {
            NaiveRun run = await folder.Run(model, protocol, task, data, fewShot);
            List<List<NaiveScore>> found = run.Scores();
            Assert.Equal(expected.Select(item => item.Count), found.Select(item => item.Count));
            double largest = 0;
            for (int i = 0; i < items.Count; i++)
            {
                for (int request = 0; request < expected[i].Count; request++)
                {
                    (NaiveScore right, NaiveScore seen) = (expected[i][request], found[i][request]);
                    string where = $"{protocol.Name}, {task}, item {i}, request {request}: naively {right}, by {model.Backend.Description} {seen}";
                    double off = Math.Abs(right.LogProbability - seen.LogProbability);
                    largest = Math.Max(largest, off);
                    Assert.True(right.Tokens == seen.Tokens && right.IsGreedy == seen.IsGreedy && off < 1e-4, where);
                }
            }

            string of = expected.Max(item => item.Max(score => -score.LogProbability)).ToString("F0", CultureInfo.InvariantCulture);
            string difference = largest.ToString("E1", CultureInfo.InvariantCulture);
            output.WriteLine($"{protocol.Name} {task} {fewShot}-shot on {model.Backend.Description}: off by {difference} of at most {of}");
            Assert.Equal(metrics.Keys.Order(), run.Result.Metrics.Select(metric => metric.Name).Order());
            foreach (MetricValue metric in run.Result.Metrics)
            {
                (double value, double? error) = metrics[metric.Name];
                if (metric.Name.StartsWith("acc", StringComparison.Ordinal))
                {
                    Assert.Equal(value, metric.Value);
                    Assert.Equal(error!.Value, metric.StandardError!.Value, 1e-14);
                }
                else
                {
                    Assert.Equal(1, metric.Value / value, 1e-4);
                }
            }
        }

        return expected;
    }
}
