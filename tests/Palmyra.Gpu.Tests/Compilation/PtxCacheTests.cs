using Palmyra.Gpu.Compilation;
using Palmyra.Gpu.Driver;

using Xunit;

namespace Palmyra.Gpu.Tests.Compilation;

/// <summary>The disk saves compiling, and never gives what is not the kernel.</summary>
public sealed class PtxCacheTests : IDisposable
{
    private readonly string _folder = Path.Combine(Path.GetTempPath(), "palmyra-" + Path.GetRandomFileName());

    public void Dispose()
    {
        if (Directory.Exists(_folder))
        {
            Directory.Delete(_folder, recursive: true);
        }
    }

    [Fact]
    public void A_second_process_compiles_nothing()
    {
        using KernelCompiler first = Compiler();
        PtxKernel saxpy = first.Compile(Kernels.Saxpy, 256);
        PtxKernel two = first.Compile(Kernels.Scale<Kernels.Two>, 64);
        Assert.Equal(2, first.Compiled);
        Assert.Equal(2, Directory.GetFiles(_folder).Length);

        // In another order, in which ILGPU would write other names.
        using KernelCompiler second = Compiler();
        Assert.Equal(two, second.Compile(Kernels.Scale<Kernels.Two>, 64));
        Assert.Equal(saxpy, second.Compile(Kernels.Saxpy, 256));
        Assert.Equal(0, second.Compiled);
    }

    [Fact]
    public void Everything_the_text_depends_on_is_in_the_key()
    {
        using KernelCompiler compiler = Compiler();
        compiler.Compile(Kernels.Saxpy, 256);
        compiler.Compile(Kernels.Saxpy, 128);
        compiler.Compile(Kernels.Saxpy, 256, "sm_90");
        compiler.Compile(Kernels.Scale<Kernels.Two>, 64);
        compiler.Compile(Kernels.Scale<Kernels.Three>, 64);
        Assert.Equal(5, Directory.GetFiles(_folder).Length);

        string key = PtxCache.KeyOf(((Delegate)Kernels.Saxpy).Method, 256, "sm_80", "ILGPU 1");
        Assert.NotEqual(key, PtxCache.KeyOf(((Delegate)Kernels.Saxpy).Method, 256, "sm_80", "ILGPU 2"));
        Assert.Contains(
            typeof(Kernels).Module.ModuleVersionId.ToString("N"), KernelName.Signature(((Delegate)Kernels.Saxpy).Method), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("empty")]
    [InlineData("cut")]
    [InlineData("changed")]
    [InlineData("foreign")]
    [InlineData("binary")]
    [InlineData("other key")]
    [InlineData("other entry")]
    public void A_damaged_file_is_compiled_and_written_again(string damage)
    {
        PtxKernel kernel;
        using (KernelCompiler first = Compiler())
        {
            kernel = first.Compile(Kernels.Saxpy, 256);
        }

        string file = Directory.GetFiles(_folder).Single();
        string whole = File.ReadAllText(file);
        switch (damage)
        {
            case "empty":
                File.WriteAllText(file, "");
                break;
            case "cut":
                File.WriteAllText(file, whole[..(whole.Length / 2)]);
                break;
            case "changed":
                File.WriteAllText(file, whole.Replace("add.f32", "sub.f32", StringComparison.Ordinal));
                break;
            case "foreign":
                File.WriteAllText(file, "// not ours\n" + whole[(whole.IndexOf('\n', StringComparison.Ordinal) + 1)..]);
                break;
            case "binary":
                File.WriteAllBytes(file, [0, 255, 254, 10, 0]);
                break;
            case "other key":
                File.WriteAllText(file, whole.Replace(Path.GetFileNameWithoutExtension(file), new string('0', 64), StringComparison.Ordinal));
                break;
            case "other entry":
                File.WriteAllText(file, whole.Replace("Kernel_Saxpy ", "Kernel_Other ", StringComparison.Ordinal));
                break;
        }

        using KernelCompiler second = Compiler();
        PtxKernel again = second.Compile(Kernels.Saxpy, 256);
        Assert.Equal((1, kernel.Entry), (second.Compiled, again.Entry));
        Assert.EndsWith(again.Text, File.ReadAllText(Directory.GetFiles(_folder).Single()), StringComparison.Ordinal);
        using KernelCompiler third = Compiler();
        Assert.Equal(again, third.Compile(Kernels.Saxpy, 256));
        Assert.Equal(0, third.Compiled);
    }

    [Fact]
    public void A_folder_that_cannot_be_written_costs_only_time()
    {
        // A file where the folder should be.
        File.WriteAllText(_folder, "");
        try
        {
            using KernelCompiler compiler = Compiler();
            Assert.Equal("Saxpy", compiler.Compile(Kernels.Saxpy, 256).Name);
        }
        finally
        {
            File.Delete(_folder);
        }
    }

    [Fact]
    public void Old_builds_do_not_pile_up()
    {
        MakeFolder();
        string[] others = [Path.Combine(_folder, "notes.txt"), Path.Combine(_folder, "other.tmp"), Path.Combine(_folder, "kernel.ptx.old")];
        foreach (string other in others)
        {
            File.WriteAllText(other, "");
            File.SetLastWriteTimeUtc(other, DateTime.UnixEpoch);
        }

        for (int i = 0; i < PtxCache.MostFiles; i++)
        {
            string file = Path.Combine(_folder, i % 2 == 0 ? $"{i}.ptx" : $"{i}.ptx.tmp");
            File.WriteAllText(file, "");
            File.SetLastWriteTimeUtc(file, DateTime.UnixEpoch.AddDays(i));
        }

        using KernelCompiler compiler = Compiler();
        compiler.Compile(Kernels.Saxpy, 256);
        Assert.Equal((PtxCache.MostFiles / 2) + 1 + others.Length, Directory.GetFiles(_folder).Length);
        Assert.False(File.Exists(Path.Combine(_folder, "511.ptx.tmp")));
        Assert.True(File.Exists(Path.Combine(_folder, "512.ptx")));
        Assert.All(others, other => Assert.True(File.Exists(other)));
    }

    [Fact]
    public void The_folder_is_its_users_alone()
    {
        using KernelCompiler compiler = Compiler();
        compiler.Compile(Kernels.Saxpy, 256);
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(_folder));
        }
    }

    // One that others may only enter can be another user's, who may write it: .NET does not tell whose it is.
    [Theory]
    [InlineData(UnixFileMode.GroupWrite)]
    [InlineData(UnixFileMode.OtherWrite)]
    [InlineData(UnixFileMode.GroupRead | UnixFileMode.GroupExecute)]
    [InlineData(UnixFileMode.OtherRead | UnixFileMode.OtherExecute)]
    public void A_folder_that_is_open_to_others_is_not_used(UnixFileMode others)
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        using (KernelCompiler first = Compiler())
        {
            first.Compile(Kernels.Saxpy, 256);
        }

        File.SetUnixFileMode(_folder, File.GetUnixFileMode(_folder) | others);
        using KernelCompiler second = Compiler();
        second.Compile(Kernels.Saxpy, 256);
        second.Compile(Kernels.Saxpy, 128);
        Assert.Equal((2, 1), (second.Compiled, Directory.GetFiles(_folder).Length));
        var cache = new PtxCache(_folder);
        Assert.StartsWith(
            $"The folder of compiled kernels, {_folder}, is open to other users, who could choose what the GPU runs: remove it with what it holds;",
            cache.Problem,
            StringComparison.Ordinal);
        Assert.Equal((0, 0), cache.Size());
    }

    [Fact]
    public void What_is_kept_is_told_and_why_nothing_is()
    {
        var cache = new PtxCache(_folder);
        Assert.Null(cache.Problem);
        Assert.Equal((0, 0), cache.Size());
        using KernelCompiler compiler = Compiler();
        compiler.Compile(Kernels.Saxpy, 256);
        compiler.Compile(Kernels.Saxpy, 128);
        Assert.Null(cache.Problem);
        Assert.Equal((2, Directory.GetFiles(_folder).Sum(file => new FileInfo(file).Length)), cache.Size());
        string file = Directory.GetFiles(_folder)[0];
        Assert.Equal($"The folder of compiled kernels, {file}, is a file.", new PtxCache(file).Problem);
    }

    [Fact]
    public void Whether_a_kernel_can_be_kept_is_tried()
    {
        var cache = new PtxCache(_folder);
        Assert.Null(cache.WhyNoneIsAdded());
        Assert.Empty(Directory.GetFiles(_folder));
        Assert.Null(cache.Problem);

        // A folder below a file cannot be made, by nobody.
        string file = Path.Combine(_folder, "file");
        File.WriteAllText(file, "1");
        string below = Path.Combine(file, "ptx");
        Assert.StartsWith($"The folder of compiled kernels, {below}, cannot be written: ", new PtxCache(below).WhyNoneIsAdded(), StringComparison.Ordinal);
        Assert.Equal($"The folder of compiled kernels, {file}, is a file.", new PtxCache(file).WhyNoneIsAdded());
    }

    [SkippableFact]
    public void A_folder_that_can_only_be_read_is_read()
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        Skip.If(Environment.IsPrivilegedProcess, "root may write every folder");
        using (KernelCompiler first = Compiler())
        {
            first.Compile(Kernels.Saxpy, 256);
        }

        var cache = new PtxCache(_folder);
        File.SetUnixFileMode(_folder, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        try
        {
            using KernelCompiler second = Compiler();
            second.Compile(Kernels.Saxpy, 256);
            Assert.Equal(0, second.Compiled);
            Assert.Null(cache.Problem);
            Assert.Contains("cannot be written: ", cache.WhyNoneIsAdded(), StringComparison.Ordinal);
        }
        finally
        {
            File.SetUnixFileMode(_folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    [SkippableFact]
    public void Another_users_folder_is_not_used()
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        Skip.If(Environment.IsPrivilegedProcess, "root may enter every folder");

        // One without rights stands for another user's that only he may enter.
        MakeFolder();
        File.SetUnixFileMode(_folder, UnixFileMode.None);
        try
        {
            Assert.Contains("cannot be looked at", new PtxCache(_folder).Problem, StringComparison.Ordinal);
        }
        finally
        {
            File.SetUnixFileMode(_folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    [Fact]
    public void A_link_is_not_followed_and_a_long_file_is_not_read()
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        using (KernelCompiler first = Compiler())
        {
            first.Compile(Kernels.Saxpy, 256);
        }

        string link = _folder + "-link";
        Directory.CreateSymbolicLink(link, _folder);
        try
        {
            using var second = new KernelCompiler(new PtxCache(link));
            second.Compile(Kernels.Saxpy, 256);
            Assert.Equal(1, second.Compiled);
            Assert.EndsWith("is a link, which is not followed.", new PtxCache(link).Problem, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(link);
        }

        // A file that is a link, one too long, a folder of the file's name.
        string file = Directory.GetFiles(_folder).Single();
        string whole = File.ReadAllText(file);
        string aside = file + ".aside";
        File.Move(file, aside);
        File.CreateSymbolicLink(file, aside);
        CompilesAgain();
        File.Delete(file);
        File.WriteAllText(file, whole + new string('\n', 4 << 20));
        CompilesAgain();
        File.Delete(file);
        Directory.CreateDirectory(file);
        CompilesAgain();
        Directory.Delete(file);
        Assert.Equal(whole, File.ReadAllText(aside));

        void CompilesAgain()
        {
            using KernelCompiler compiler = Compiler();
            compiler.Compile(Kernels.Saxpy, 256);
            Assert.Equal(1, compiler.Compiled);
        }
    }

    [Fact]
    public void The_users_cache_has_a_place_of_its_own()
    {
        if (PtxCache.OfUser() is PtxCache cache)
        {
            Assert.EndsWith(Path.Combine("palmyra", "ptx"), cache.Folder, StringComparison.Ordinal);
        }
    }

    private void MakeFolder()
    {
        Directory.CreateDirectory(_folder);
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(_folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    private KernelCompiler Compiler() => new(new PtxCache(_folder));
}
