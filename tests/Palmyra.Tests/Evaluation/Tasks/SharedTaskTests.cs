using System.Security.Cryptography;
using System.Text;
using Palmyra.Evaluation.Scoring;
using Palmyra.Evaluation.Tasks;
using Palmyra.Testing;

namespace Palmyra.Tests.Evaluation.Tasks;

/// <summary>The published sets, read whole. They are other people's data and lie outside the repository.</summary>
/// <remarks>The digests are SHA-256 over every request, context, NUL, continuation, U+0001, as an independent Python script makes them.</remarks>
public sealed class SharedTaskTests
{
    [SkippableTheory]
    [InlineData("lambada", "lambada", 5153, 0, "0f6be8d8846dcf07d39807f6bdada64f642f72e2a39d42dd41d36c956cbe86ed")]
    [InlineData("lambada", "lambada_openai_cloze", 5153, 0, "eacffe2093579d3fec210ba5e336b6a5abe618a182d82f6f0b656ec3ff913f02")]
    [InlineData("winogrande", "winogrande", 1267, 639, "7df36d2a92f18e220d78e616185c25d40d8cf4680dda5992dc51395d0c6ea842")]
    [InlineData("hellaswag", "hellaswag", 10042, 15027, "127a90d01eee52d00f70db710e283d92e4564ac9c58651e1a36bf1f76b3322cb")]
    [InlineData("piqa", "piqa", 1838, 928, "d31fec046ca4c2587713d7495c87c860e661b552fee503cb072303790410e8e6")]
    public void A_published_set_gives_the_requests_of_the_harness(string folder, string name, int items, int goldSum, string digest)
    {
        (EvaluationTask task, EvaluationItem[] read) = Read(folder, name);
        using var sum = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (ContinuationRequest request in read.SelectMany(item => item.Requests.Cast<ContinuationRequest>()))
        {
            sum.AppendData(Encoding.UTF8.GetBytes($"{request.Context}\0{request.Continuation}\u0001"));
        }

        Assert.Equal((items, goldSum), (read.Length, read.Sum(item => item.Gold)));
        Assert.Equal(Enumerable.Range(0, items), read.Select(item => item.Index));
        Assert.Equal(digest, Convert.ToHexStringLower(sum.GetHashAndReset()));
        Assert.All(read, item => Assert.Equal(task.Kind == TaskKind.Cloze ? 1 : (int)(1 / task.Chance!), item.Requests.Count));
    }

    [SkippableFact]
    public void WikiText_gives_the_pages_of_the_harness()
    {
        (_, EvaluationItem[] items) = Read("wikitext-2", "wikitext");
        string text = string.Join('\0', items.Select(item => ((RollingRequest)item.Requests[0]).Text));
        Assert.Equal((62, 241335L, 1256386L, 1204935), (items.Length, items.Sum(item => item.Words), items.Sum(item => item.Bytes), text.EnumerateRunes().Count() - 61));
        Assert.Equal("d3a9f56365df82b54e98dc161f503b193736c52d759e02e74cd872f3d0ed0eb1", Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text))));
    }

    [SkippableFact]
    public async Task A_published_set_is_recognised()
    {
        string[] names = ["lambada", "winogrande", "hellaswag", "piqa", "wikitext"];
        Skip.If(SharedData.PathOrNull("data") is null, "../shared/data is absent: it is other people's data and not part of the repository.");
        foreach (string name in names)
        {
            EvaluationTask task = EvaluationTasks.Find(name)!;
            string path = DataFolder.Find(SharedData.PathOrNull("data")!, task);
            Assert.NotNull((await DataFile.OpenAsync(path, task)).Known);
        }
    }

    private static (EvaluationTask Task, EvaluationItem[] Items) Read(string folder, string name)
    {
        string? path = SharedData.PathOrNull("data/" + folder);
        Skip.If(path is null, $"../shared/data/{folder} is absent: it is other people's data and not part of the repository.");
        EvaluationTask task = EvaluationTasks.Find(name)!;
        return (task, TaskFile.Read(task, DataFolder.Find(path, task)));
    }
}
