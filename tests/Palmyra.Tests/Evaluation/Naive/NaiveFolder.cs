using System.Text.Json;
using Palmyra.Backends;
using Palmyra.Evaluation;
using Palmyra.Evaluation.Reports;
using Palmyra.Evaluation.Scoring;
using Palmyra.Evaluation.Tasks;
using Palmyra.Testing;
using Palmyra.Tests.Checkpoints;

namespace Palmyra.Tests.Evaluation.Naive;

/// <summary>A fixture model with a vocabulary of its own, the data files, and runs of the real evaluator on them.</summary>
internal sealed class NaiveFolder : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    /// <param name="model">The fixture.</param>
    /// <param name="context">Its context where the weights do not fix it; null for 128.</param>
    public NaiveFolder(string model, int? context = null)
    {
        foreach (string file in Directory.GetFiles(Fixtures.Path("models/" + model)))
        {
            File.Copy(file, _folder[Path.GetFileName(file)]);
        }

        string config = File.ReadAllText(_folder["config.json"]);
        string own = config.Replace("\"n_positions\": 128", $"\"n_positions\": {context ?? 128}", StringComparison.Ordinal)
            .Replace("token_id\": 0", $"token_id\": {NaiveTokenizer.EndOfText}", StringComparison.Ordinal);
        File.WriteAllText(_folder["config.json"], own);
        NaiveTokenizer.Write(Root);
    }

    public string Root => _folder.Root;

    public string this[string name] => _folder[name];

    /// <summary>Makes GPT-J's logit of one token that of another, to the bit: its row of the head and its bias are copied.</summary>
    public void CopyLogit(int from, int to)
    {
        byte[] file = File.ReadAllBytes(_folder["model.safetensors"]);
        int length = (int)BitConverter.ToInt64(file);
        using (var header = JsonDocument.Parse(file.AsMemory(8, length)))
        {
            foreach (string name in new[] { "lm_head.weight", "lm_head.bias" })
            {
                JsonElement tensor = header.RootElement.GetProperty(name);
                int start = 8 + length + tensor.GetProperty("data_offsets")[0].GetInt32();
                int row = (8 + length + tensor.GetProperty("data_offsets")[1].GetInt32() - start) / tensor.GetProperty("shape")[0].GetInt32();
                file.AsSpan(start + (from * row), row).CopyTo(file.AsSpan(start + (to * row)));
            }
        }

        File.WriteAllBytes(_folder["model.safetensors"], file);
    }

    /// <summary>The data file of a task; with <paramref name="change"/>, a copy whose lines it has changed.</summary>
    public string Data(string task, Func<IEnumerable<string>, IEnumerable<string>>? change = null)
    {
        string path = DataFolder.Find(Fixtures.Path("evaluation"), EvaluationTasks.Find(task)!);
        if (change is null)
        {
            return path;
        }

        string folder = Directory.CreateDirectory(_folder[$"{task}-{Guid.NewGuid():N}"]).FullName;
        foreach (string file in Directory.GetFiles(Path.GetDirectoryName(path)!))
        {
            File.WriteAllLines(Path.Combine(folder, Path.GetFileName(file)), change(File.ReadAllLines(file)));
        }

        return Path.Combine(folder, Path.GetFileName(path));
    }

    /// <summary>The model on a backend.</summary>
    public LanguageModel Open(IBackend backend, EvaluationProtocol protocol) =>
        LanguageModel.Open(Root, new LanguageModelOptions { Backend = new CheckedBackend(backend), Format = protocol.WeightFormat });

    /// <summary>Runs a task and leaves the journal and the report, without what differs from run to run, under the name.</summary>
    public async Task<NaiveRun> Run(
        LanguageModel model,
        EvaluationProtocol protocol,
        string task,
        string path,
        int fewShot = 0,
        int batchTokens = Scorer.DefaultRowsPerBatch,
        string? name = null,
        IProgress<EvaluationProgress>? progress = null)
    {
        EvaluationTask found = EvaluationTasks.Find(task)!;
        string journal = _folder[(name ?? Guid.NewGuid().ToString("N")) + ".jsonl"];
        using var scorer = new LocalTextScorer(model, protocol, batchTokens, "naive");
        TaskResult result = await new Evaluator(scorer).RunAsync(
            found,
            await DataFile.OpenAsync(path, found),
            new EvaluationOptions { FewShot = fewShot, JournalPath = journal, BootstrapIterations = 0 },
            progress);
        string report = journal + ".report";
        ReportFile.Write(report, new EvaluationReport([new ModelResults(scorer.Description, [result with { Run = null }])]));
        return new NaiveRun(result, File.ReadAllText(journal), File.ReadAllText(report));
    }

    public void Dispose() => _folder.Dispose();
}

/// <summary>What a run left.</summary>
internal sealed record NaiveRun(TaskResult Result, string Journal, string Report)
{
    /// <summary>Each item's answers.</summary>
    public List<List<NaiveScore>> Scores()
    {
        var items = new List<List<NaiveScore>>();
        foreach (string line in Journal.Split('\n', StringSplitOptions.RemoveEmptyEntries).Skip(1))
        {
            JsonElement answer = JsonDocument.Parse(line).RootElement;
            Assert.Equal(items.Count, answer.GetProperty("item").GetInt32());
            items.Add(
            [
                .. answer.GetProperty("scores").EnumerateArray()
                    .Select(score => new NaiveScore(score[0].GetDouble(), score[1].GetBoolean(), score[2].GetInt32())),
            ]);
        }

        return items;
    }
}
