using DistTrain.Coordinator;
using DistTrain.Coordinator.Hosting;
using DistTrain.Examples.SpamFilter;
using DistTrain.Tests.Data;
using DistTrain.Training;
using DistTrain.Training.Code;
using DistTrain.Transport;
using DistTrain.Worker.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace DistTrain.Tests.Coordinator;

/// <summary>Coordinator and workers as services of applications: the same bits as a local cluster.</summary>
public class HostingTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    [Fact]
    public async Task A_job_in_CSharp_runs_on_hosted_nodes_to_the_bits_of_a_local_cluster()
    {
        var result = await Run(
            coordinator =>
            {
                coordinator.Code = JobCode.Of<SpamFilterJob>();
                coordinator.Job = job => job with { Epochs = 2 };
            },
            worker => worker.Jobs = JobAssembly.Of(typeof(SpamFilterJob).Assembly));
        await using var local = new LocalCluster(ClusterJob.From(new SpamFilterJob().Create() with { Epochs = 2 }), new ClusterOptions());
        var expected = await local.RunAsync();
        Assert.Equal((expected.WeightsSha256, expected.StateSha256, 80), (result.WeightsSha256, result.StateSha256, result.Steps));
    }

    [Fact]
    public async Task A_job_of_names_and_numbers_needs_no_code()
    {
        var result = await Run(coordinator => coordinator.Job = job => job with { Data = "digits:120,20", MaxSteps = 5, Shards = 2 }, _ => { });
        Assert.IsType<RunEvent.Finished>(result.Last);
        Assert.Equal(5, result.Steps);
    }

    [Fact]
    public async Task An_application_that_stops_ends_the_run_after_its_step()
    {
        using var host = Application(services => services.AddDistTrainCoordinator(options => (options.Job, options.Network) = (job => job with { Data = "digits:120,20" }, new NodeNetwork())));
        await host.StartAsync();
        var run = host.Services.GetRequiredService<DistTrainRun>();
        await run.Listening.WaitAsync(Patience);
        await host.StopAsync();
        Assert.IsType<RunEvent.Interrupted>((await run.Completion.WaitAsync(Patience)).Last);
    }

    [Fact]
    public async Task A_run_that_fails_goes_on_where_another_stands_by_and_once_more_where_it_was_stopped()
    {
        using var folder = new TempFolder();
        JobOptions Endless(JobOptions job) => job with { Data = "digits:120,20", BatchSize = 20, Shards = 2, Epochs = 100_000 };
        void Saving(DistTrainCoordinatorOptions options)
        {
            (options.Job, options.Network, options.CheckpointFolder, options.CheckpointEvery) = (Endless, new NodeNetwork(), folder.Folder, 5);
        }

        using var first = Application(services => services.AddDistTrainCoordinator(options =>
        {
            Saving(options);
            options.Observer = happened =>
            {
                if (happened is RunEvent.CheckpointDone) throw new InvalidOperationException("out of luck");
            };
        }));
        await first.StartAsync();
        var failing = first.Services.GetRequiredService<DistTrainRun>();
        using var before = Workers(await failing.Listening.WaitAsync(Patience));
        var saved = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var second = Application(services => services.AddDistTrainCoordinator(options =>
        {
            Saving(options);
            options.Standby = true;
            options.Observer = happened =>
            {
                if (happened is RunEvent.CheckpointDone) saved.TrySetResult();
            };
        }));
        await second.StartAsync();
        await before.StartAsync();
        Assert.IsType<RunEvent.Failed>((await failing.Completion.WaitAsync(Patience)).Last);
        var run = second.Services.GetRequiredService<DistTrainRun>();
        using var after = Workers(await run.Listening.WaitAsync(Patience));
        await after.StartAsync();
        await saved.Task.WaitAsync(Patience);
        await second.StopAsync();
        var stopped = await run.Completion.WaitAsync(Patience);
        Assert.IsType<RunEvent.Interrupted>(stopped.Last);

        long end = stopped.Steps + 5;
        using var third = Application(services => services.AddDistTrainCoordinator(options =>
        {
            Saving(options);
            options.Job = job => Endless(job) with { MaxSteps = end };
        }));
        await third.StartAsync();
        var last = third.Services.GetRequiredService<DistTrainRun>();
        using var more = Workers(await last.Listening.WaitAsync(Patience));
        await more.StartAsync();
        var result = await last.Completion.WaitAsync(Patience);
        await using var local = new LocalCluster(ClusterJob.From(JobBuilder.Build(Endless(new JobOptions()) with { MaxSteps = end }, 1)), new ClusterOptions());
        var expected = await local.RunAsync();
        Assert.Equal((expected.WeightsSha256, expected.StateSha256, end), (result.WeightsSha256, result.StateSha256, result.Steps));

        static IHost Workers(int port) => Application(services => services.AddDistTrainWorker(options => options.Coordinator = $"127.0.0.1:{port}"));
    }

    [Fact]
    public async Task A_standby_is_not_needed_by_a_job_that_ends_or_when_it_is_told_to_stop()
    {
        using var folder = new TempFolder();
        using var first = Application(services => services.AddDistTrainCoordinator(options => (options.Job, options.Network, options.CheckpointFolder) = (job => job with { Data = "digits:120,20" }, new NodeNetwork(), folder.Folder)));
        await first.StartAsync();
        await first.Services.GetRequiredService<DistTrainRun>().Listening.WaitAsync(Patience);
        var standbys = Enumerable.Range(0, 2).Select(_ => Application(services => services.AddDistTrainCoordinator(options => (options.Network, options.CheckpointFolder, options.Standby) = (new NodeNetwork(), folder.Folder, true)))).ToList();
        foreach (var standby in standbys) await standby.StartAsync();
        await standbys[0].StopAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => standbys[0].Services.GetRequiredService<DistTrainRun>().Completion.WaitAsync(Patience));
        await first.StopAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => standbys[1].Services.GetRequiredService<DistTrainRun>().Completion.WaitAsync(Patience));
        foreach (var standby in standbys) standby.Dispose();
    }

    [Fact]
    public void A_worker_needs_to_know_its_coordinator() =>
        Assert.Contains("Coordinator is missing", Assert.Throws<UserErrorException>(() => new ServiceCollection().AddDistTrainWorker(_ => { })).Message, StringComparison.Ordinal);

    private static async Task<RunResult> Run(Action<DistTrainCoordinatorOptions> coordinator, Action<DistTrainWorkerOptions> worker)
    {
        using var host = Application(services => services.AddDistTrainCoordinator(options =>
        {
            (options.MinWorkers, options.Network) = (2, new NodeNetwork());
            coordinator(options);
        }));
        await host.StartAsync();
        var run = host.Services.GetRequiredService<DistTrainRun>();
        int port = await run.Listening.WaitAsync(Patience);
        using var workers = Application(services =>
        {
            foreach (string name in (string[])["one", "two"])
            {
                services.AddDistTrainWorker(options =>
                {
                    (options.Coordinator, options.Name) = ($"127.0.0.1:{port}", name);
                    worker(options);
                });
            }
        });
        await workers.StartAsync();
        var result = await run.Completion.WaitAsync(Patience);
        await workers.StopAsync();
        await host.StopAsync();
        return result;
    }

    private static IHost Application(Action<IServiceCollection> add)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        add(builder.Services);
        return builder.Build();
    }
}
