namespace Palmyra.Tests.Checkpoints;

/// <summary>A fresh folder that is removed at the end of a test.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public string Root { get; } = Directory.CreateTempSubdirectory("palmyra-test-").FullName;

    public string this[string name] => Path.Combine(Root, name);

    public IEnumerable<string> Names => Directory.GetFiles(Root).Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal);

    public void Dispose() => Directory.Delete(Root, recursive: true);
}
