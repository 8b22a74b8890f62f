using System.Reflection;
using System.Security.Cryptography;
using System.Text;

namespace Palmyra.Gpu.Compilation;

/// <summary>PTX on disk, so that a kernel is compiled once on a machine.</summary>
/// <remarks>
/// Only ever a shortcut: a file that is damaged, foreign or unreadable is as good as none, and a folder that cannot be written stays empty.
/// Files are written beside their name and moved, so that a reader sees a whole one or none. Thread-safe.
/// <para>Whoever can write the folder can choose what the GPU runs. So on Unix it is made for its user alone, and one that is a link or that
/// gives its group or others any right is left alone (<see cref="Problem"/>). .NET does not tell who owns a folder, but one that only its owner
/// may enter, and that this process can enter, is this user's; only for root, who enters all, that does not follow. Windows' rights are not
/// looked at, nor are the folders above: they are the user's profile.</para>
/// </remarks>
/// <param name="folder">Where the files are; made with the first of them.</param>
public sealed class PtxCache(string folder)
{
    // Raise it when what lies in a file changes.
    private const string Format = "palmyra-ptx-2";

    /// <summary>Files a folder may hold; every build of the kernels makes new ones, and only the newest half outlives this many.</summary>
    internal const int MostFiles = 1024;

    // Some thirty times the longest kernel's.
    private const long MostBytes = 4 << 20;

    private const UnixFileMode Others = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.GroupExecute
        | UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;

    private const string Extension = ".ptx";
    private const string Unfinished = ".ptx.tmp";

    /// <summary>Where the files are.</summary>
    public string Folder { get; } = folder;

    /// <summary>The cache in the user's local application data; null where the user has none.</summary>
    public static PtxCache? OfUser()
    {
        string home = Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.DoNotVerify);
        return home.Length == 0 ? null : new PtxCache(Path.Combine(home, "palmyra", "ptx"));
    }

    /// <summary>Why the folder is neither read nor written, a sentence; null if it is read, or not there (<see cref="WhyNoneIsAdded"/>).</summary>
    public string? Problem
    {
        get
        {
            try
            {
                var there = new DirectoryInfo(Folder);
                if (there.LinkTarget is not null)
                {
                    return $"The folder of compiled kernels, {Folder}, is a link, which is not followed.";
                }

                if (!there.Exists)
                {
                    return File.Exists(Folder) ? $"The folder of compiled kernels, {Folder}, is a file." : null;
                }

                if (!OperatingSystem.IsWindows() && (there.UnixFileMode & Others) != 0)
                {
                    // Closing it would make whatever others put there trusted.
                    return $"The folder of compiled kernels, {Folder}, is open to other users, who could choose what the GPU runs: remove it "
                        + "with what it holds; where it comes back open, its file system keeps no rights, and kernels cannot be kept there.";
                }

                // Another user's cannot be listed.
                _ = there.EnumerateFileSystemInfos().Any();
                return null;
            }
            catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
            {
                return $"The folder of compiled kernels, {Folder}, cannot be looked at: {failure.Message}";
            }
        }
    }

    /// <summary>Why a kernel could not be kept now, a sentence; null if one could. Makes the folder if it is not there, and tries.</summary>
    public string? WhyNoneIsAdded()
    {
        try
        {
            MakeFolder();
            if (Problem is string problem)
            {
                return problem;
            }

            string tried = Path.Combine(Folder, Path.GetRandomFileName() + Unfinished);
            File.WriteAllBytes(tried, []);
            File.Delete(tried);
            return null;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return Problem ?? $"The folder of compiled kernels, {Folder}, cannot be written: {failure.Message}";
        }
    }

    /// <summary>How many kernels are kept, and their bytes; none where <see cref="Problem"/> says why, or where the folder cannot be read.</summary>
    public (int Kernels, long Bytes) Size()
    {
        try
        {
            var there = new DirectoryInfo(Folder);
            FileInfo[] files = there.Exists && Problem is null ? there.GetFiles("*" + Extension) : [];
            return (files.Length, files.Sum(file => file.Length));
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return (0, 0);
        }
    }

    /// <summary>
    /// What a kernel's file is named after: all that its text depends on, and not the text, whose names carry ids of the order of compiling.
    /// </summary>
    /// <remarks>Methods that a kernel calls in yet other assemblies are not seen: kernels keep to their own and ILGPU's.</remarks>
    internal static string KeyOf(MethodInfo method, int threads, string target, string compiler)
    {
        string facts = string.Join('\n', Format, compiler, target, threads, KernelName.Signature(method));
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(facts)));
    }

    /// <summary>What was written under a key; null if nothing whole is there.</summary>
    internal (string Entry, string Text)? Read(string key)
    {
        try
        {
            // A pipe, which would be read for ever, has no length.
            var there = new FileInfo(PathOf(key));
            if (Problem is not null || !there.Exists || there.LinkTarget is not null || there.Length is 0 or > MostBytes)
            {
                return null;
            }

            string file = File.ReadAllText(there.FullName, Encoding.UTF8);
            int end = file.IndexOf('\n', StringComparison.Ordinal);
            string[] head = end < 0 ? [] : file[..end].Split(' ');
            return head is [Format, string named, string entry, string sum] && named == key && sum == SumOf(entry, file[(end + 1)..])
                ? (entry, file[(end + 1)..])
                : null;
        }
        catch (Exception)
        {
            return null;
        }
    }

    /// <summary>Keeps a kernel's text, if the folder can be written.</summary>
    internal void Write(string key, string entry, string text)
    {
        try
        {
            MakeFolder();
            if (Problem is not null)
            {
                return;
            }

            Trim();
            string written = Path.Combine(Folder, Path.GetRandomFileName() + Unfinished);
            try
            {
                File.WriteAllText(written, $"{Format} {key} {entry} {SumOf(entry, text)}\n{text}", new UTF8Encoding(false));
                File.Move(written, PathOf(key), overwrite: true);
            }
            catch
            {
                File.Delete(written);
                throw;
            }
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // Compiled again next time.
        }
    }

    private void MakeFolder()
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(Folder);
        }
        else
        {
            Directory.CreateDirectory(Folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    private void Trim()
    {
        var there = new DirectoryInfo(Folder);
        FileInfo[] files = [.. there.GetFiles("*" + Extension), .. there.GetFiles("*" + Unfinished)];
        if (files.Length >= MostFiles)
        {
            foreach (FileInfo old in files.OrderByDescending(file => file.LastWriteTimeUtc).Skip(MostFiles / 2))
            {
                old.Delete();
            }
        }
    }

    private string PathOf(string key) => Path.Combine(Folder, key + Extension);

    private static string SumOf(string entry, string text) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{entry}\n{text}")));
}
