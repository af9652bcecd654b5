using ClipTrain.Coordinator.Storage;

namespace ClipTrain.Tests.Shared;

/// <summary>The process has ended here; nothing catches this.</summary>
internal sealed class KilledException : Exception;

/// <summary>
/// File operations of a process that is killed before its <paramref name="killedAt"/>-th, from 1. A file that it would make is left
/// torn.
/// </summary>
/// <param name="exchanges">False for a file system that cannot exchange two names.</param>
internal sealed class KilledFiles(int killedAt, bool exchanges = true) : FileOperations
{
    private int _count;

    public override void CreateDirectory(string path)
    {
        Live();
        base.CreateDirectory(path);
    }

    public override FileStream Create(string path)
    {
        if (_count + 1 == killedAt)
        {
            File.WriteAllText(path, "to");
        }

        Live();
        return base.Create(path);
    }

    public override void Flush(FileStream file)
    {
        Live();
        base.Flush(file);
    }

    public override void Move(string from, string to)
    {
        Live();
        base.Move(from, to);
    }

    public override bool TryExchange(string one, string other)
    {
        if (!exchanges)
        {
            return false;
        }

        Live();
        return base.TryExchange(one, other);
    }

    public override void Delete(string path)
    {
        foreach (var file in Directory.GetFiles(path))
        {
            Live();
            File.Delete(file);
        }

        Live();
        base.Delete(path);
    }

    public override void Sync(string path)
    {
        Live();
        base.Sync(path);
    }

    /// <summary>
    /// Runs what a process does with files, killed before each of its operations in turn; ends when it is killed before none.
    /// </summary>
    /// <returns>How many operations it has.</returns>
    public static int AtEveryOperation(bool exchanges, Action<KilledFiles> process, Action<int> check)
    {
        for (var killedAt = 1; ; killedAt++)
        {
            var files = new KilledFiles(killedAt, exchanges);
            try
            {
                process(files);
                return killedAt - 1;
            }
            catch (KilledException)
            {
                check(killedAt);
            }
        }
    }

    private void Live()
    {
        if (++_count >= killedAt)
        {
            throw new KilledException();
        }
    }
}
