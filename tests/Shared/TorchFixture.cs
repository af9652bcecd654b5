namespace ClipTrain.Tests.Shared;

/// <summary>The files of tests/Peers/torch_files.py, as recorded; and their numbers.</summary>
internal static class TorchFixture
{
    public static string Path(string name) => System.IO.Path.Combine(AppContext.BaseDirectory, "Fixtures", name);

    /// <summary>Value i is ((37 i) mod 101 - 50) / 8.</summary>
    public static float Number(int i) => ((37 * i % 101) - 50) / 8f;

    public static float[] Numbers(int count) => [.. Enumerable.Range(0, count).Select(Number)];
}
