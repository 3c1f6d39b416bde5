// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module itself: parameters, one platform device for each port, and their binding and
 * unbinding (which is this NIC's hot plug: /sys/bus/platform/drivers/zcnic/{bind,unbind}).
 * Must never touch a port's queues or rules; that is the port's own business.
 */
#include <linux/dma-mapping.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/rtnetlink.h>

#include "zcnic.h"

static unsigned int pairs = 1;
module_param(pairs, uint, 0444);
MODULE_PARM_DESC(pairs, "pairs of linked ports (1)");

static unsigned int queues = 4;
module_param(queues, uint, 0444);
MODULE_PARM_DESC(queues, "combined channels at start (4)");

static unsigned int max_queues = 16;
module_param(max_queues, uint, 0444);
MODULE_PARM_DESC(max_queues, "combined channels at most (16)");

static char *names[2 * ZCNIC_MAX_PAIRS];
static int nr_names;
module_param_array(names, charp, &nr_names, 0444);
MODULE_PARM_DESC(names, "interface names (zc0,zc1,...)");

static char *quirks = "";
module_param(quirks, charp, 0644);
MODULE_PARM_DESC(quirks, "quirks of ports that appear from now on, comma-separated ()");

static int dma_cpu = -1;
module_param(dma_cpu, int, 0444);
MODULE_PARM_DESC(dma_cpu, "processor on which a thread moves payload, instead of NAPI (-1: none)");

static bool offload;
module_param(offload, bool, 0444);
MODULE_PARM_DESC(offload, "TSO, and hardware GRO of what it sent (0)");

static struct platform_device *devices[2 * ZCNIC_MAX_PAIRS];
/* The bound ports, to find the other end of a wire. Under rtnl. */
static struct zcnic_port *ports[2 * ZCNIC_MAX_PAIRS];

static int zcnic_read_quirks(struct zcnic_port *port)
{
	char *text;
	int err;

	kernel_param_lock(THIS_MODULE);
	text = kstrdup(quirks, GFP_KERNEL);
	kernel_param_unlock(THIS_MODULE);
	err = text ? zcnic_quirks_set(port, text) : -ENOMEM;
	kfree(text);
	return err;
}

static int zcnic_probe(struct platform_device *pdev)
{
	const unsigned int id = pdev->id;
	struct zcnic_port *port;
	int err;

	/* zcrx maps a client's memory for this device: any address must do. */
	err = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(64));
	if (err)
		return err;

	port = zcnic_port_create(&pdev->dev, max_queues, queues, id < nr_names ? names[id] : NULL,
				 id, offload);
	if (IS_ERR(port))
		return PTR_ERR(port);
	err = zcnic_dma_start(port, dma_cpu);
	if (err) {
		dev_err(&pdev->dev, "cannot start a thread: %pe\n", ERR_PTR(err));
		zcnic_port_free(port);
		return err;
	}
	err = zcnic_read_quirks(port);
	if (err) {
		dev_err(&pdev->dev, "no such quirks\n");
		zcnic_port_free(port);
		return err;
	}

	rtnl_lock();
	err = register_netdevice(port->netdev);
	if (!err) {
		ports[id] = port;
		if (ports[id ^ 1])
			zcnic_port_link(port, ports[id ^ 1]);
	}
	rtnl_unlock();
	if (err) {
		dev_err(&pdev->dev, "cannot register %s: %pe\n", port->netdev->name, ERR_PTR(err));
		zcnic_port_free(port);
		return err;
	}

	platform_set_drvdata(pdev, port);
	zcnic_debugfs_add(port);
	return 0;
}

static void zcnic_remove(struct platform_device *pdev)
{
	struct zcnic_port *port = platform_get_drvdata(pdev);

	/* Waits for users of the files, who may wait for rtnl: not under rtnl. */
	zcnic_debugfs_remove(port);

	rtnl_lock();
	ports[pdev->id] = NULL;
	/* From here nobody finds the port; unregistering waits for those who just had. */
	zcnic_port_unlink(port);
	unregister_netdevice(port->netdev);
	rtnl_unlock();

	zcnic_port_free(port);
}

#define ZCNIC_DRIVER(as)                                                                           \
	{                                                                                          \
		.probe = zcnic_probe,                                                              \
		.remove = zcnic_remove,                                                            \
		.driver = {                                                                        \
			.name = as,                                                                \
			.probe_type = PROBE_FORCE_SYNCHRONOUS,                                     \
		},                                                                                 \
	}

/* A port can be called as a real driver's, by driver_override: for what zcrxd knows by their names. */
static struct platform_driver zcnic_drivers[] = {
	ZCNIC_DRIVER(ZCNIC_NAME), ZCNIC_DRIVER("mlx5_core"), ZCNIC_DRIVER("bnxt_en"),
	ZCNIC_DRIVER("gve"),	  ZCNIC_DRIVER("fbnic"),
};
static struct platform_driver *const zcnic_driver_list[] = {
	&zcnic_drivers[0], &zcnic_drivers[1], &zcnic_drivers[2], &zcnic_drivers[3], &zcnic_drivers[4],
};

static void zcnic_devices_remove(void)
{
	for (unsigned int i = ARRAY_SIZE(devices); i--;)
		platform_device_unregister(devices[i]);
}

static int zcnic_devices_add(void)
{
	for (unsigned int i = 0; i < 2 * pairs; i++) {
		struct platform_device *pdev;

		pdev = platform_device_register_simple(ZCNIC_NAME, i, NULL, 0);
		if (IS_ERR(pdev)) {
			zcnic_devices_remove();
			return PTR_ERR(pdev);
		}
		devices[i] = pdev;
	}
	return 0;
}

static bool zcnic_all_bound(void)
{
	for (unsigned int i = 0; i < 2 * pairs; i++)
		if (!platform_get_drvdata(devices[i]))
			return false;
	return true;
}

static int __init zcnic_init(void)
{
	int err;

	if (!pairs || pairs > ZCNIC_MAX_PAIRS || max_queues > ZCNIC_MAX_QUEUES || !queues ||
	    queues > max_queues) {
		pr_err("zcnic: want pairs <= %u, queues <= max_queues <= %u\n", ZCNIC_MAX_PAIRS,
		       ZCNIC_MAX_QUEUES);
		return -EINVAL;
	}

	zcnic_debugfs_init();
	err = zcnic_devices_add();
	if (err)
		goto fail_debugfs;

	err = platform_register_drivers(zcnic_driver_list, ARRAY_SIZE(zcnic_driver_list));
	if (err)
		goto fail_devices;

	/* Half a wire helps nobody, and insmod is where the person looks. */
	if (!zcnic_all_bound()) {
		err = -ENODEV;
		goto fail_driver;
	}
	return 0;

fail_driver:
	platform_unregister_drivers(zcnic_driver_list, ARRAY_SIZE(zcnic_driver_list));
fail_devices:
	zcnic_devices_remove();
fail_debugfs:
	zcnic_debugfs_exit();
	return err;
}

static void __exit zcnic_exit(void)
{
	platform_unregister_drivers(zcnic_driver_list, ARRAY_SIZE(zcnic_driver_list));
	zcnic_devices_remove();
	zcnic_debugfs_exit();
}

module_init(zcnic_init);
module_exit(zcnic_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Simulated NIC for zero-copy receive");
