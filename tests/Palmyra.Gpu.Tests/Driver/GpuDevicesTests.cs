using Palmyra.Diagnostics;
using Palmyra.Gpu.Driver;

using Xunit;

namespace Palmyra.Gpu.Tests.Driver;

/// <summary>Devices are listed, each with its facts or with why it cannot be used.</summary>
public sealed class GpuDevicesTests : IDisposable
{
    private readonly FakeCuda _cuda = new();

    public void Dispose() => _cuda.Dispose();

    [Fact]
    public void Old_devices_are_refused_by_name_and_the_first_other_one_is_used()
    {
        _cuda.Devices = [("Fake V100", 7, 0), ("Fake A100", 8, 0), ("Fake H100", 9, 0)];
        GpuDevices devices = GpuDevices.Find(_cuda.Open());
        Assert.Equal(["Fake V100", "Fake A100", "Fake H100"], devices.Found.Select(gpu => gpu.Name));
        Assert.StartsWith("GPU 0 (Fake V100) has compute capability 7.0; at least 8.0", devices.Found[0].Refusal, StringComparison.Ordinal);
        Assert.Equal(new GpuDevice(1, "Fake A100", 8, 0, 80_000_000_000, 132, 232_448, 13000), devices.FirstUsable);
        Assert.Equal(string.Empty, devices.WhyNone);
        Assert.Null(devices.Problem);
    }

    [Fact]
    public void Where_all_are_refused_each_reason_is_told()
    {
        _cuda.Devices = [("Fake P100", 6, 0), ("Fake T4", 7, 5)];
        GpuDevices devices = GpuDevices.Find(_cuda.Open());
        Assert.Null(devices.FirstUsable);
        Assert.Contains("GPU 0 (Fake P100) has compute capability 6.0", devices.WhyNone, StringComparison.Ordinal);
        Assert.Contains("GPU 1 (Fake T4) has compute capability 7.5", devices.WhyNone, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null, 1, null)]
    [InlineData(1, 1, null)]
    [InlineData(2, 2, null)]
    [InlineData(3, null, "There is no GPU 3; GPU 1 (Fake A100) and GPU 2 (Fake H100) can be used.")]
    public void A_device_is_chosen_by_its_number(int? index, int? chosen, string? why)
    {
        _cuda.Devices = [("Fake V100", 7, 0), ("Fake A100", 8, 0), ("Fake H100", 9, 0)];
        Assert.Equal(chosen, GpuDevices.Find(_cuda.Open()).Choose(index, out string? problem)?.Index);
        Assert.Equal(why, problem);
    }

    [Fact]
    public void A_refused_device_is_not_chosen_and_those_that_can_be_used_are_named()
    {
        _cuda.Devices = [("Fake V100", 7, 0), ("Fake A100", 8, 0)];
        GpuDevices devices = GpuDevices.Find(_cuda.Open());
        Assert.Null(devices.Choose(0, out string? problem));
        Assert.Equal($"{devices.Found[0].Refusal![..^1]}; GPU 1 (Fake A100) can be used.", problem);
        Assert.StartsWith("GPU 0 (Fake V100) has compute capability 7.0; at least 8.0", problem, StringComparison.Ordinal);

        // Where none can be used, that and the number are said; without any GPU there is none of that number either.
        _cuda.Devices = [("Fake V100", 7, 0)];
        devices = GpuDevices.Find(_cuda.Open());
        Assert.Null(devices.Choose(5, out problem));
        Assert.Equal($"There is no GPU 5. {devices.WhyNone}", problem);
        Assert.Null(devices.Choose(0, out problem));
        Assert.Equal(devices.WhyNone, problem);
        Assert.Null(devices.Choose(null, out problem));
        Assert.Equal(devices.WhyNone, problem);
        _cuda.Devices = [];
        Assert.Null(GpuDevices.Find(_cuda.Open()).Choose(5, out problem));
        Assert.Equal("The NVIDIA driver reports no GPU.", problem);
    }

    [Theory]
    [InlineData("NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.95.05  Tue Sep 23 10:11:16 UTC 2025", "580.95.05")]
    [InlineData("NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86  Release Build  (builder)  Thu Jan 2", "570.86")]
    [InlineData("GCC version:  gcc", null)]
    [InlineData("NVIDIA x.y .5 1..2 1.2.3.4", null)]
    [InlineData("", null)]
    public void The_drivers_own_number_is_found_in_what_its_module_says(string line, string? release) => Assert.Equal(release, DriverRelease.In(line));

    [Fact]
    public void No_device_is_told()
    {
        _cuda.Devices = [];
        Assert.Equal("The NVIDIA driver reports no GPU.", GpuDevices.Find(_cuda.Open()).WhyNone);
        _cuda.Fail("DeviceGetCount", 100);
        Assert.Equal("The NVIDIA driver reports no GPU.", GpuDevices.Find(_cuda.Open()).WhyNone);
        _cuda.Fail("DeviceGetCount", 3);
        Assert.Equal("The NVIDIA driver does not list its GPUs: CUDA_ERROR_3 (words of 3).", GpuDevices.Find(_cuda.Open()).WhyNone);
    }

    [Theory]
    [InlineData("DeviceGet", "")]
    [InlineData("DeviceGetName", "")]
    [InlineData("DeviceTotalMem", "Fake H100")]
    [InlineData("DeviceGetAttribute", "Fake H100")]
    public void A_device_that_does_not_answer_is_refused(string function, string name)
    {
        CudaLibrary library = _cuda.Open();
        _cuda.Fail(function, 101);
        FoundGpu gpu = GpuDevices.Find(library).Found.Single();
        Assert.Equal(new FoundGpu(0, name, null, "GPU 0 does not say what it is: CUDA_ERROR_101 (words of 101)."), gpu);
    }

    [Fact]
    public void An_old_driver_is_refused()
    {
        _cuda.Version = 11080;
        _cuda.Missing.Add("cuGraphInstantiateWithFlags");
        Refused("The NVIDIA driver serves CUDA 11.8; at least 12.0 is needed (driver 525 or newer): update the driver.");
        _cuda.Version = 12000;
        Refused("The NVIDIA driver lacks cuGraphInstantiateWithFlags: update the driver.");
        _cuda.Missing.Clear();
        _cuda.Fail("Init", 34);
        Refused("The NVIDIA driver does not start: CUDA_ERROR_34 (words of 34).");
        _cuda.Missing.Add("cuInit");
        Refused("The library found as NVIDIA's driver is none: it has no cuInit or no cuDriverGetVersion.");
    }

    [Fact]
    public void A_stub_is_called_one_and_the_search_goes_on()
    {
        _cuda.Fail("DriverGetVersion", 34);
        const string Stub = "The library found as NVIDIA's driver does not answer (CUresult 34): the CUDA toolkit's stub of that name is no driver.";
        Refused(Stub);

        // The stub first, then the driver; then nothing but the stub and a library that is none.
        var found = new List<Func<string, nint>> { _cuda.Export, name => Heal(name) };
        Assert.NotNull(CudaLibrary.OpenFirst(found, out string? problem));
        Assert.Null(problem);
        _cuda.Fail("DriverGetVersion", 34);
        Assert.Null(CudaLibrary.OpenFirst([_cuda.Export, _ => 0], out problem));
        Assert.Equal(Stub, problem);
        Assert.Null(CudaLibrary.OpenFirst([], out problem));
        Assert.Null(problem);

        nint Heal(string name)
        {
            _cuda.Heal();
            return _cuda.Export(name);
        }
    }

    [Fact]
    public void The_whole_table_is_exported_by_the_fake_and_nothing_else()
    {
        var asked = new List<string>();
        _ = CudaLibrary.Open(name =>
        {
            asked.Add(name);
            return _cuda.Export(name);
        }, out string? problem);
        Assert.Null(problem);
        Assert.Equal(42, asked.Distinct().Count());
    }

    // On a machine with a GPU this says what is there; without one, why not. Either way nothing is thrown.
    [Fact]
    public void This_machine_is_looked_at_without_an_exception()
    {
        GpuDevices devices = GpuDevices.Find();
        Assert.Equal(devices.FirstUsable is null, devices.WhyNone.Length > 0);
        Assert.Equal(devices.Problem is not null, devices.Found.Count == 0 && devices.WhyNone == devices.Problem);
        if (devices.Problem is not null)
        {
            var device = new GpuDevice(0, "none", 9, 0, 1, 1, 1, 12000);
            Assert.Equal(devices.Problem, Assert.Throws<BackendException>(() => new CudaDriver(device)).Message);
        }
    }

    private void Refused(string problem)
    {
        Assert.Null(CudaLibrary.Open(_cuda.Export, out string? found));
        Assert.Equal(problem, found);
    }
}
