using DistTrain.Coordinator;
using DistTrain.Coordinator.Hosting;
using DistTrain.Examples.SpamFilter;
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
