using Palmyra.Checkpoints;
using Palmyra.Diagnostics;
using Xunit;

namespace Palmyra.Tests.Checkpoints;

public sealed class HubCacheTests
{
    private const string Main = "0123456789abcdef0123456789abcdef01234567";
    private const string Other = "fedcba9876543210fedcba9876543210fedcba98";

    [Theory]
    [InlineData("HF_HUB_CACHE", "")]
    [InlineData("HUGGINGFACE_HUB_CACHE", "")]
    [InlineData("HF_HOME", "hub")]
    [InlineData("XDG_CACHE_HOME", "huggingface/hub")]
    public void AModelIsFoundInTheCacheTheEnvironmentNames(string variable, string below)
    {
        using var folder = new TemporaryFolder();
        AddModel(folder[below], "models--Writer--palmyra-small");
        using Checkpoint checkpoint = Checkpoint.Open("Writer/palmyra-small", null, null, name => name == variable ? folder.Root : null);
        Assert.EndsWith(Path.Combine("snapshots", Main), checkpoint.Folder);
        Assert.Equal("main", File.ReadAllText(checkpoint.ConfigPath));
    }

    [Fact]
    public void ARevisionIsABranchOrACommit()
    {
        using var folder = new TemporaryFolder();
        AddModel(folder.Root, "models--gpt2");
        Assert.Equal("main", Config(null));
        Assert.Equal("main", Config(Main));
        Assert.Equal("other", Config(Other));
        Assert.Equal("other", Config("pr/1"));

        string Config(string? revision)
        {
            using Checkpoint checkpoint = Checkpoint.Open("gpt2", null, revision, name => name == "HF_HUB_CACHE" ? folder.Root : null);
            return File.ReadAllText(checkpoint.ConfigPath);
        }
    }

    [SkippableFact]
    public void SnapshotsMayBeLinksToBlobs()
    {
        Skip.If(OperatingSystem.IsWindows(), "Creating symbolic links needs a privilege on Windows.");
        using var folder = new TemporaryFolder();
        AddModel(folder.Root, "models--gpt2");
        string snapshot = Path.Combine(folder.Root, "models--gpt2", "snapshots", Main);
        Directory.CreateDirectory(Path.Combine(folder.Root, "models--gpt2", "blobs"));
        SafetensorsWriter.Write(Path.Combine(folder.Root, "models--gpt2", "blobs", "abc"), [TensorSource.Of("a", [2], new float[] { 1, 2 })]);
        File.CreateSymbolicLink(Path.Combine(snapshot, "model.safetensors"), "../../blobs/abc");
        using Checkpoint checkpoint = Checkpoint.Open("gpt2", null, null, name => name == "HF_HUB_CACHE" ? folder.Root : null);
        Assert.Equal([1f, 2f], checkpoint.Tensors["a"].ToFloats());
    }

    [Fact]
    public void ACachedModelIsCalledByItsId()
    {
        using var folder = new TemporaryFolder();
        AddModel(folder.Root, "models--org--name");
        string snapshot = Path.Combine(folder.Root, "models--org--name", "snapshots", Main);
        using Checkpoint cached = Checkpoint.Open("org/name", null, null, name => name == "HF_HUB_CACHE" ? folder.Root : null);
        Assert.Equal("org/name", cached.Name);
        Assert.True(cached.IsAt(snapshot + "/"));
        Assert.False(cached.IsAt(folder["elsewhere"]));
        using Checkpoint direct = Checkpoint.Open(snapshot);
        Assert.Equal(Main, direct.Name);
    }

    [Fact]
    public void WhatIsNotThereIsExplainedWithThePlacesLookedAt()
    {
        using var folder = new TemporaryFolder();
        string Message(string id, string? revision = null) => Assert.Throws<CheckpointException>(
            () => Checkpoint.Open(id, null, revision, name => name == "HF_HUB_CACHE" ? folder.Root : null)).Message;

        string message = Message("org/absent");
        Assert.Contains(Path.Combine(folder.Root, "models--org--absent", "refs", "main"), message);
        Assert.Contains(Path.Combine(folder.Root, "models--org--absent", "snapshots", "main"), message);
        Assert.Contains(Path.GetFullPath("org/absent"), message);
        Assert.Contains("hf download org/absent", message);
        foreach (string id in new[] { "../up", "a/b/c", "/absent/folder", "a..b", "a--b", "org/", "x\n" })
        {
            Assert.Contains("neither an existing folder nor a model id", Message(id));
        }

        Assert.Contains("is not the name of a branch", Message("gpt2", "../main"));
    }

    [Fact]
    public void AReferenceThatLeadsElsewhereIsRefused()
    {
        using var folder = new TemporaryFolder();
        AddModel(folder.Root, "models--gpt2");
        File.WriteAllText(Path.Combine(folder.Root, "models--gpt2", "refs", "main"), "../../elsewhere");
        Assert.Contains(
            "hexadecimal",
            Assert.Throws<CheckpointException>(() => Checkpoint.Open("gpt2", null, null, name => name == "HF_HUB_CACHE" ? folder.Root : null)).Message);
    }

    private static void AddModel(string cache, string model)
    {
        Write(Path.Combine(cache, model, "refs", "main"), Main + "\n");
        Write(Path.Combine(cache, model, "refs", "pr", "1"), Other);
        Write(Path.Combine(cache, model, "snapshots", Main, "config.json"), "main");
        Write(Path.Combine(cache, model, "snapshots", Other, "config.json"), "other");
    }

    private static void Write(string path, string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
    }
}
