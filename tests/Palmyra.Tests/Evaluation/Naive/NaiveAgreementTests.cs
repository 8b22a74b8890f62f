using System.Globalization;
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
    private static readonly string[] Tasks = ["lambada_openai", "lambada_openai_cloze", "winogrande", "hellaswag", "piqa", "wikitext"];

    [Theory]
    [InlineData("gptj", 64, "today", 512)]
    [InlineData("gptj", 64, "2021", NaiveTokenizer.VocabularySize)]
    [InlineData("gptj", 64, "mtj", 512)]
    [InlineData("gpt2", 128, "today", 512)]
    [InlineData("gpt-neo", 128, "2021", 512)]
    public async Task Every_task_agrees_with_the_naive_computation(string model, int context, string protocol, int vocabulary)
    {
        EvaluationProtocol real = EvaluationProtocol.Find(protocol)! with { VocabularyLimit = vocabulary == 512 ? null : vocabulary };
        using var folder = new NaiveFolder(model, context);
        var naive = new NaiveEvaluation(new NaiveModel(folder.Root, protocol == "mtj"), protocol, vocabulary);
        using LanguageModel fast = folder.Open(new CpuBackend(), real);
        using LanguageModel plain = folder.Open(new ReferenceBackend(), real);
        foreach (string task in Tasks)
        {
            // mtj straightens curly quotes, which is a table and no formula; those two items are left out.
            string data = protocol != "mtj" || !task.StartsWith("lambada", StringComparison.Ordinal) ? folder.Data(task)
                : folder.Data(task, lines => lines.Where(line => !line.Contains('’', StringComparison.Ordinal) && !line.Contains('“', StringComparison.Ordinal)));
            await Compare(folder, [fast, plain], real, naive, task, data, fewShot: 0);
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
        using var folder = new NaiveFolder("gptj", 48);
        var naive = new NaiveEvaluation(new NaiveModel(folder.Root, protocol == "mtj"), protocol, 512);
        List<string> texts =
        [
            " word", "a  word", "a\n word", "said:\n\n word", "a\u00a0 word", "a\u001f word", "a \t word", "a it's", "a 's", "a “so”", "a naïve", "a 2nd", "a ?\"", "a ,",
        ];
        if (protocol == "mtj")
        {
            texts.RemoveAll(text => text.Contains('“', StringComparison.Ordinal) || text.Contains('\u00a0', StringComparison.Ordinal) || text.Contains('\u001f', StringComparison.Ordinal));
        }

        // Texts that end as the model would have them end, so that some answers are greedy.
        int hard = texts.Count;
        foreach (string record in File.ReadAllLines(folder.Data("lambada_openai")))
        {
            string[] words = System.Text.Json.JsonDocument.Parse(record).RootElement.GetProperty("text").GetString()!.Split(' ', 12);
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
    }

    private async Task<List<List<NaiveScore>>> Compare(
        NaiveFolder folder, LanguageModel[] models, EvaluationProtocol protocol, NaiveEvaluation naive, string task, string data, int fewShot)
    {
        List<NaiveItem> items = NaiveTasks.Read(task, data);
        items = fewShot == 0 ? items : NaiveTasks.WithTwoExamples(items);
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
                    string where = string.Create(
                        CultureInfo.InvariantCulture, $"{protocol.Name}, {task}, item {i}, request {request}: naively {right}, by {model.Backend.Description} {seen}");
                    double difference = Math.Abs(right.LogProbability - seen.LogProbability);
                    largest = Math.Max(largest, difference);
                    Assert.True(right.Tokens == seen.Tokens && right.IsGreedy == seen.IsGreedy && difference < 1e-4, where);
                }
            }

            output.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"{protocol.Name} {task} {fewShot}-shot on {model.Backend.Description}: {largest:E1} of up to {expected.Max(item => item.Max(score => -score.LogProbability)):F0}"));
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
